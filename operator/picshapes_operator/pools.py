"""How many workers each pool should have for what is to be done now. Pure.

A pool is a group of equal workers that something else scales (an HPA, KEDA). Each job counts for the smallest pool
that fits it, and a pool wants as many workers as get through its jobs in `drain_s`; none when it has none.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from picshapes_crds.scheduling.demand import Demand


class Pool(BaseModel):
    """What the workers of a pool offer, also while it has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    vram_mib: int | None = Field(None, ge=1)
    """Device memory of each; absent: enough for everything."""
    models: frozenset[str] | None = None
    """Absent: all."""

    def fits(self, demand: Demand) -> bool:
        """Say whether its workers can run what a job demands."""
        large = self.vram_mib is None or self.vram_mib >= demand.min_vram_mib
        return large and (self.models is None or demand.model in self.models)


@dataclass(frozen=True)
class Backlog:
    """Jobs of one demand that wait or run."""

    demand: Demand
    jobs: int
    work_s: float
    """GPU-seconds that they are expected to take."""


def wanted_workers(pools: Sequence[Pool], backlog: Iterable[Backlog], drain_s: float) -> dict[str, int]:
    """Return how many workers each pool should have."""
    jobs: defaultdict[str, int] = defaultdict(int)
    work_s: defaultdict[str, float] = defaultdict(float)
    by_size = sorted(pools, key=lambda pool: (pool.vram_mib is None, pool.vram_mib or 0, pool.name))
    for one in backlog:
        pool = next((pool for pool in by_size if pool.fits(one.demand)), None)
        if pool is not None:
            jobs[pool.name] += one.jobs
            work_s[pool.name] += one.work_s
    return {
        pool.name: min(jobs[pool.name], max(1, math.ceil(work_s[pool.name] / drain_s))) if jobs[pool.name] else 0
        for pool in pools
    }

"""What a watch sees of every job while its API server comes and goes: some versions, in order, and none twice."""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Changed, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import HELD, TERMINAL
from picshapes_crds.resource import GenerationJob, GenerationJobStatus


class Witness:
    """The versions seen of each job, by uid. Versions may be missing between two."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, list[GenerationJob]] = defaultdict(list)

    @classmethod
    @asynccontextmanager
    async def of(cls, cluster: KubeCluster, namespace: str) -> AsyncIterator[Self]:
        """Follow the jobs of a namespace for as long as the block lasts."""
        witness = cls()
        following = asyncio.create_task(witness._follow(cluster, namespace))
        try:
            yield witness
        finally:
            following.cancel()
            await asyncio.wait({following})
        assert following.cancelled() or following.exception() is None, "the watch was not followed to the end"

    async def _follow(self, cluster: KubeCluster, namespace: str) -> None:
        reflector = Reflector(cluster, JOBS, Scope(namespace), SystemClock(), random.Random(0))
        async for observation in reflector.observations():
            match observation:
                case Listed(objects):
                    for one in objects:
                        self._see(GenerationJob.parse(one))
                case Changed(one):
                    self._see(GenerationJob.parse(one))
                case _:
                    continue

    def _see(self, job: GenerationJob) -> None:
        self.seen[job.metadata.uid].append(job)

    def broken_promises(self) -> list[str]:
        """Return what no order of versions may show."""
        return [
            f"{new.metadata.name}: {fault}: {_short(old.status)} then {_short(new.status)}"
            for life in self.seen.values()
            for old, new in itertools.pairwise(life)
            if (fault := _fault(old.status, new.status))
        ]


def _fault(old: GenerationJobStatus, new: GenerationJobStatus) -> str | None:
    if old.phase in TERMINAL and new != old:
        return "it changed after its end"
    if new.attempt < old.attempt:
        return "its attempts were counted back"
    same = old.phase in HELD and new.phase in HELD and new.attempt == old.attempt
    if same and new.worker_id != old.worker_id:
        return "it changed hands within one attempt"
    return None


def _short(status: GenerationJobStatus) -> str:
    return f"{status.phase}#{status.attempt}@{status.worker_id}"

"""Figures 3 and 4: what a claim costs the operator when much waits, and when there are many workers.

A real API server takes a quarter of an hour to be given 100,000 objects on two cores, so the operator's own state,
loop and writer run in a process of their own, with nothing else, and are shown objects at a steady pace. Processor
time is compared, not wall time.
"""

import asyncio
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from picshapes_cli.bench.operator_alone import Cost, Load
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.processes import ChildExitedError, Children, ChildSpec
from picshapes_cli.up.stack import Tell

FEW_PENDING: Final = 100
FEW_WORKERS: Final = 10
MOST_BYTES: Final = 10_240
RATE: Final = 100.0
TURNS: Final = 3
"""How often a claim's cost is measured at each size: the medians count."""
DRIVE: Final = "the operator's own state, loop and writer in a process of their own, shown objects; no API server"


@dataclass(frozen=True)
class ScaleOptions:
    """How large it gets; `claims` are measured for each size."""

    pending: int = 100_000
    workers: int = 1_000
    most_workers: int = 5_000
    """For the decision alone."""
    claims: int = 500


async def bench_scale(folder: Path, options: ScaleOptions, tell: Tell) -> Figure:
    """Measure one size after the other."""
    few = Load(FEW_PENDING, FEW_WORKERS, options.claims, RATE)
    loads = {
        "few": few,
        "many pending": Load(options.pending, FEW_WORKERS, options.claims, RATE),
        "many workers": Load(FEW_PENDING, options.workers, options.claims, RATE),
        "most workers": Load(FEW_PENDING, options.most_workers, 0, RATE),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in loads}
    # By turns, since how quick the machine is may change meanwhile.
    for name in (*TURNS * ("few", "many pending", "many workers"), "most workers"):
        load = loads[name]
        tell(f"Measuring {load.pending} waiting jobs and {load.workers} workers")
        costs[name].append(await _measured(folder / f"{name.replace(' ', '-')}.json", load))
    return _figures(loads, {name: _median(found) for name, found in costs.items()})


def _median(costs: list[Cost]) -> Cost:
    """Return the median of each kind of cost."""
    found = [asdict(cost) for cost in costs]
    return Cost(**{name: statistics.median(one[name] for one in found) for name in found[0]})


async def _measured(file: Path, load: Load) -> Cost:
    argv = [sys.executable, "-m", "picshapes_cli.bench.operator_alone", json.dumps(asdict(load)), str(file)]
    async with Children() as children:
        child = await children.start(ChildSpec("operator alone", argv, file.with_suffix(".log")))
        if status := await child.wait():
            raise ChildExitedError(child, f"ended with status {status}")
    return Cost(**json.loads(await asyncio.to_thread(file.read_text, encoding="utf-8")))


def _figures(loads: dict[str, Load], costs: dict[str, Cost]) -> Figure:
    machine, few = this_machine(), costs["few"]
    pending, workers, most = costs["many pending"], costs["many workers"], costs["most workers"]
    sizes = {name: asdict(load) for name, load in loads.items()}
    details = {"drive": DRIVE, "sizes": sizes, "costs": {name: _rounded(cost) for name, cost in costs.items()}}
    claim, ms = "CPU ms/claim", "CPU ms/renewal"
    scale = Figure("scale", pending.cpu_ms_a_claim, few.cpu_ms_a_claim, claim, machine, "<= 1.3", details)
    for one in (
        Figure("scale-memory", pending.bytes_a_pending_job, MOST_BYTES, "bytes/pending job", machine, "<= 1"),
        Figure("scale-workers", workers.cpu_ms_a_claim, few.cpu_ms_a_claim, claim, machine, "<= 1.2"),
        Figure("scale-renewals", workers.cpu_ms_a_renewal, few.cpu_ms_a_renewal, ms, machine, "<= 1.2"),
        Figure("scale-decision", most.decision_ms_a_claim, few.decision_ms_a_claim, claim, machine, "<= 1.2"),
    ):
        scale = scale.beside(one)
    return scale


def _rounded(cost: Cost) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(cost).items()}

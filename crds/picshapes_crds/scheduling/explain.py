"""Who could run a waiting job, and when its turn comes: for people, from what an observer knows. Pure.

Why exactly it waits says the operator, in the `Scheduled` condition: observers don't see which workers take jobs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from picshapes_crds.scheduling.demand import Demand, Worker, memory_class
from picshapes_crds.scheduling.fit import COULD_RUN, Fit, Why, why_roughly
from picshapes_crds.scheduling.turns import Ticket, in_turn, levels


@dataclass(frozen=True)
class Wait:
    """Why a job waits, who could run it, and what is before it."""

    demand: Demand
    why: Why
    """As far as an observer can say."""
    position: int
    """1 when it is next among the jobs that wait for the same workers."""
    length: int
    """How many these are, this one included."""

    @property
    def could_run(self) -> int:
        """How many workers have the model and the memory."""
        return sum(self.why.counts.get(kind, 0) for kind in COULD_RUN)

    @property
    def unfit(self) -> dict[Fit, int]:
        """How many of the others lack what."""
        return {kind: count for kind, count in self.why.counts.items() if kind not in COULD_RUN}


Rivals = tuple[str, int | None]
"""Names the jobs that wait for the same workers: their model and memory class."""


@dataclass(frozen=True)
class Line:
    """All that wait, as far as an observer knows."""

    tickets: Mapping[str, Ticket]
    """By the job's id."""
    rank: Callable[[str], float]
    """How much an owner has used."""
    unit: float
    """What one GPU-second adds to a rank now."""
    now_s: float


def rivals_of(demand: Demand, workers: Sequence[Worker]) -> Rivals:
    """Return which jobs wait for the workers that a demand fits."""
    return demand.model, memory_class(demand.min_vram_mib, _sizes(demand.model, workers))


def positions(rivals: Rivals, line: Line, workers: Sequence[Worker]) -> dict[str, int]:
    """Return the position of each of the jobs that wait for the same workers, 1 for the next one."""
    model, size = rivals
    sizes = _sizes(model, workers)
    found = (
        (job, ticket)
        for job, ticket in line.tickets.items()
        if ticket.demand.model == model and memory_class(ticket.demand.min_vram_mib, sizes) == size
    )
    order = in_turn(found, levels(line.tickets.values(), line.now_s), line.rank, line.unit)
    return {job: position for position, job in enumerate(order, 1)}


def explain(demand: Demand, position: int, length: int, workers: Sequence[Worker]) -> Wait:
    """Explain the wait of a job of this demand and position."""
    return Wait(demand, why_roughly(demand, workers), position, length)


def _sizes(model: str, workers: Sequence[Worker]) -> list[int]:
    return sorted({worker.memory_for(model) for worker in workers})

"""Why one job waits, and when its turn comes: for people, from what an observer knows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from picshapes_crds.scheduling.demand import Demand, Worker, memory_class
from picshapes_crds.scheduling.fit import Fit, Why, why
from picshapes_crds.scheduling.turns import Ticket, in_turn, levels

COULD_RUN = (Fit.FITS, Fit.NOT_ACCEPTING)


@dataclass(frozen=True)
class Wait:
    """Why a job waits, who could run it, and what is before it."""

    demand: Demand
    why: Why
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


def explain(job: str, line: Line, workers: Sequence[Worker]) -> Wait:
    """Explain the wait of a job in line; `KeyError` when it isn't."""
    demand = line.tickets[job].demand
    order = positions(demand, line, workers)
    return Wait(demand, why(demand, workers), order.index(job) + 1, len(order))


def positions(demand: Demand, line: Line, workers: Sequence[Worker]) -> list[str]:
    """Return, in their order, the jobs that wait for the workers that a demand fits."""
    sizes = sorted({worker.vram_mib for worker in workers})
    wanted = (demand.model, memory_class(demand.min_vram_mib, sizes))
    rivals = [
        (job, ticket)
        for job, ticket in line.tickets.items()
        if (ticket.demand.model, memory_class(ticket.demand.min_vram_mib, sizes)) == wanted
    ]
    return in_turn(rivals, levels(line.tickets.values(), line.now_s), line.rank, line.unit)

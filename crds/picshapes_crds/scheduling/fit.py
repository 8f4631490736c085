"""Whether a worker can run what a job demands, and if not, why, in words and numbers a person can act on. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from picshapes_crds.catalogue import MIB_PER_GIB
from picshapes_crds.phases import Reason
from picshapes_crds.scheduling.demand import Demand, Worker

PLACES: Final = 2
"""Jobs that a worker may hold: one runs, one waits."""


class Fit(Enum):
    """How a worker stands to a demand; the order is how near it is to running the job."""

    FITS = "fits"
    NOT_ACCEPTING = "has the model and the memory, but is not ready, terminating, silent or on a cordoned node"
    NOT_WATCHING = "has the model and the memory, but does not watch the job's namespace"
    TOO_SMALL = "has the model, but too little memory"
    OTHER_WEIGHTS = "has the model with other weights"
    NO_MODEL = "does not have the model"


COULD_RUN: Final = (Fit.FITS, Fit.NOT_ACCEPTING)
"""Of workers with the model and the memory, whether they take jobs now or not."""


def fit(demand: Demand, worker: Worker) -> Fit:
    """Compare one demand with one worker; memory is compared in MiB, never by equality."""
    revision = worker.weights.get(demand.model)
    if revision is None:
        return Fit.NO_MODEL
    if revision != demand.weights or worker.profile != demand.profile:
        return Fit.OTHER_WEIGHTS
    if worker.memory_for(demand.model) < demand.min_vram_mib:
        return Fit.TOO_SMALL
    if demand.namespace and demand.namespace not in worker.namespaces:
        return Fit.NOT_WATCHING
    return Fit.FITS if worker.accepting else Fit.NOT_ACCEPTING


@dataclass(frozen=True)
class Why:
    """Why a job waits."""

    reason: Reason
    message: str
    counts: dict[Fit, int]
    """How many workers stand how to it; what none does, is absent."""


def why(demand: Demand, workers: Iterable[Worker]) -> Why:
    """Say why a job of this demand waits: a stable reason, and a sentence with numbers."""
    seen = _Sorted.by(demand, workers)
    need, counts = _need(demand), seen.counts
    if fitting := counts.get(Fit.FITS):
        free = sum(worker.held < PLACES for worker in seen.those(Fit.FITS))
        have = f"{free} of them with a free place" if free else "all are busy"
        return Why(Reason.WAITING_FOR_WORKERS, f"{need}; {_number(fitting)} can run it and {have}", counts)
    if resting := counts.get(Fit.NOT_ACCEPTING):
        cordoned = sum(worker.cordoned for worker in seen.those(Fit.NOT_ACCEPTING))
        could = f"{_number(resting)} could run it, but none is ready for new jobs{_on_cordoned(cordoned)}"
        return Why(Reason.WAITING_FOR_WORKERS, f"{need}; {could}", counts)
    return _none_could(demand, seen)


def why_roughly(demand: Demand, workers: Iterable[Worker]) -> Why:
    """Say the same for an observer who can't see which workers take jobs now, and leave that out."""
    seen = _Sorted.by(demand, workers)
    if could := sum(seen.counts.get(kind, 0) for kind in COULD_RUN):
        have = _number(could, "has", "have")
        message = f"{_need(demand)}; {have} the model and the memory"
        return Why(Reason.WAITING_FOR_WORKERS, message, seen.counts)
    return _none_could(demand, seen)


@dataclass(frozen=True)
class _Sorted:
    """Workers by how they stand to a demand."""

    workers: list[Worker]
    kinds: list[Fit]
    """Of each worker."""
    counts: dict[Fit, int]

    @classmethod
    def by(cls, demand: Demand, workers: Iterable[Worker]) -> Self:
        known = list(workers)
        kinds = [fit(demand, worker) for worker in known]
        # Thousands of workers are looked at twice a second: counting in C takes half of the time.
        return cls(known, kinds, {kind: count for kind in Fit if (count := kinds.count(kind))})

    def those(self, kind: Fit) -> Iterator[Worker]:
        return (worker for worker, one in zip(self.workers, self.kinds, strict=True) if one is kind)


def _none_could(demand: Demand, seen: _Sorted) -> Why:
    need, counts = _need(demand), seen.counts
    if unaware := counts.get(Fit.NOT_WATCHING):
        could = f"{_number(unaware)} could run it, but none watches the namespace {demand.namespace} yet"
        return Why(Reason.WAITING_FOR_WORKERS, f"{need}; {could}", counts)
    if small := counts.get(Fit.TOO_SMALL):
        largest = max(worker.memory_for(demand.model) for worker in seen.those(Fit.TOO_SMALL))
        shown = _gib if _gib(largest) != _gib(demand.min_vram_mib) else _mib
        need = f"needs {shown(demand.min_vram_mib)} and {demand.model}"
        have = f"{_number(small, 'has', 'have')} the model, the largest has {shown(largest)}"
        return Why(Reason.NO_WORKER_FITS, f"{need}; {have}", counts)
    if other := counts.get(Fit.OTHER_WEIGHTS):
        have = _number(other, "has", "have")
        message = f"{need}; {have} the model with other weights than the catalogue names"
        return Why(Reason.NO_WORKER_FITS, message, counts)
    if without := counts.get(Fit.NO_MODEL):
        return Why(Reason.NO_WORKER_FITS, f"{need}; none of {_number(without)} has the model", counts)
    return Why(Reason.NO_WORKER_FITS, f"{need}; there are no workers", counts)


def _need(demand: Demand) -> str:
    return f"needs {_gib(demand.min_vram_mib)} and {demand.model}"


def _on_cordoned(workers: int) -> str:
    where = "is on a cordoned node" if workers == 1 else "are on cordoned nodes"
    return f", {workers} {where}" if workers else ""


def _gib(mib: int) -> str:
    return f"{mib / MIB_PER_GIB:.1f} GiB"


def _mib(mib: int) -> str:
    """Tell apart what is the same in GiB with one decimal."""
    return f"{mib} MiB"


def _number(count: int, one: str = "", many: str = "") -> str:
    noun = "worker" if count == 1 else "workers"
    return f"{count} {noun} {one if count == 1 else many}".rstrip()

"""Whether a worker can run what a job demands, and if not, why, in words and numbers a person can act on."""

from collections.abc import Sequence
from enum import Enum

from picshapes_crds.phases import Reason
from picshapes_operator.snapshot import Demand, Worker

MIB_PER_GIB = 1024


class Fit(Enum):
    """How a worker stands to a demand; the order is how near it is to running the job."""

    FITS = "fits"
    NOT_ACCEPTING = "has the model and the memory, but is not ready, terminating or silent"
    TOO_SMALL = "has the model, but too little memory"
    OTHER_WEIGHTS = "has the model with other weights"
    NO_MODEL = "does not have the model"


def fit(demand: Demand, worker: Worker) -> Fit:
    """Compare one demand with one worker; memory is compared in MiB, never by equality."""
    revision = worker.weights.get(demand.model)
    if revision is None:
        return Fit.NO_MODEL
    if revision != demand.weights or worker.profile != demand.profile:
        return Fit.OTHER_WEIGHTS
    if worker.vram_mib < demand.min_vram_mib:
        return Fit.TOO_SMALL
    return Fit.FITS if worker.accepting else Fit.NOT_ACCEPTING


def explain(demand: Demand, workers: Sequence[Worker]) -> tuple[Reason, str]:
    """Say why a job of this demand waits: a stable reason, and a sentence with numbers."""
    need = f"needs {_gib(demand.min_vram_mib)} and {demand.model}"
    found = [(fit(demand, worker), worker) for worker in workers]
    count = {kind: [worker for one, worker in found if one is kind] for kind in Fit}
    if count[Fit.FITS]:
        return Reason.WAITING_FOR_WORKERS, f"{need}; {_number(len(count[Fit.FITS]))} can run it and all are busy"
    if count[Fit.NOT_ACCEPTING]:
        many = _number(len(count[Fit.NOT_ACCEPTING]))
        return Reason.WAITING_FOR_WORKERS, f"{need}; {many} could run it, but none is ready for new jobs"
    if count[Fit.TOO_SMALL]:
        largest = max(worker.vram_mib for worker in count[Fit.TOO_SMALL])
        shown = _gib if _gib(largest) != _gib(demand.min_vram_mib) else _mib
        need = f"needs {shown(demand.min_vram_mib)} and {demand.model}"
        have = f"{_number(len(count[Fit.TOO_SMALL]), 'has', 'have')} the model, the largest has {shown(largest)}"
        return Reason.NO_WORKER_FITS, f"{need}; {have}"
    if count[Fit.OTHER_WEIGHTS]:
        have = _number(len(count[Fit.OTHER_WEIGHTS]), "has", "have")
        return Reason.NO_WORKER_FITS, f"{need}; {have} the model with other weights than the catalogue names"
    if workers:
        return Reason.NO_WORKER_FITS, f"{need}; none of {_number(len(workers))} has the model"
    return Reason.NO_WORKER_FITS, f"{need}; there are no workers"


def _gib(mib: int) -> str:
    return f"{mib / MIB_PER_GIB:.1f} GiB"


def _mib(mib: int) -> str:
    """Tell apart what is the same in GiB with one decimal."""
    return f"{mib} MiB"


def _number(count: int, one: str = "", many: str = "") -> str:
    noun = "worker" if count == 1 else "workers"
    return f"{count} {noun} {one if count == 1 else many}".rstrip()

"""The jobs that workers hold, by the process that holds them."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from picshapes_crds.phases import Phase
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.scheduling.demand import Demand
from picshapes_operator.facts import turn_on_worker
from picshapes_operator.rebalance import HeldJob, WaitingClaim, behind_others
from picshapes_operator.snapshot import JobId


class HeldJobs:
    """Claimed and Processing jobs as last seen."""

    def __init__(self) -> None:
        self._of: dict[str, dict[JobId, GenerationJob]] = {}

    def put(self, job: GenerationJob) -> None:
        """Take in a job that its `workerID` holds."""
        self._of.setdefault(job.status.worker_id or "", {})[job.metadata.uid] = job

    def discard(self, job: GenerationJob) -> None:
        """Take out a job that was put in."""
        worker_id = job.status.worker_id or ""
        del self._of[worker_id][job.metadata.uid]
        if not self._of[worker_id]:
            del self._of[worker_id]

    def all(self) -> list[GenerationJob]:
        """Return all of them."""
        return [job for jobs in self._of.values() for job in jobs.values()]

    def _crowded(self) -> Iterator[GenerationJob]:
        """Yield the jobs of the processes that hold several."""
        for jobs in self._of.values():
            if len(jobs) > 1:
                yield from jobs.values()

    def waiting_claims(self, demand: Callable[[GenerationJob, Resolved], Demand]) -> list[WaitingClaim]:
        """Return the claims that wait behind others on their workers, the oldest first."""
        held = []
        for job in self._crowded():
            resolved, claimed_at = job.status.resolved, job.status.claimed_at
            if resolved and claimed_at:
                begun, worker_id = job.status.phase is Phase.PROCESSING, job.status.worker_id or ""
                needs, claimed_s = demand(job, resolved), claimed_at.timestamp()
                held.append(HeldJob(job.metadata.uid, needs, worker_id, begun, claimed_s))
        return behind_others(held)

    def holders(self, but: AbstractSet[str]) -> Iterator[tuple[str, str, list[GenerationJob]]]:
        """Yield each process that holds jobs, but for these: its worker's name, its id, and the jobs."""
        for worker_id in [one for one in self._of if one not in but]:  # in order: a run must be repeatable
            jobs = list(self._of[worker_id].values())
            yield jobs[0].status.worker_name or "", worker_id, jobs

    def first(self, worker_id: str) -> JobId | None:
        """Return the job that a process runs, or would run next."""
        first = min(self._of.get(worker_id, {}).values(), key=turn_on_worker, default=None)
        return first.metadata.uid if first else None

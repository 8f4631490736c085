"""Which job is next and which must stop: a pure state machine over what the watch of claims shows.

Observations of the reflectors, one a namespace, go in; the shell (`work`) asks what follows from them. The
watches are of the pod's name; only claims of this process's `workerID` count, since an earlier process of the
same pod may have left others. Everything is keyed by uid: a deleted job and its namesake are two jobs, and so are
namesakes of two namespaces.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Self

from pydantic import ValidationError

from picshapes_crds.cluster import Changed, Deleted, Heard, Json, Listed
from picshapes_crds.cluster.reflector import Observation
from picshapes_crds.patches import Fence
from picshapes_crds.phases import HELD
from picshapes_crds.resource import DEFAULT_DEADLINE_S, GenerationJob, Resolved
from picshapes_worker.job_name import JobName


class Stop(Enum):
    """Why a job that this process holds must not be run, or not any longer."""

    LOST = auto()
    """It is deleted, or the claim is no longer this process's: nothing more is written."""
    CANCELLED = auto()
    DEADLINE = auto()
    DRAINED = auto()
    """The worker ends before the job could."""
    BROKEN = auto()
    """The engine broke under it: the process ends, and its loss is what requeues the job and counts."""


@dataclass(frozen=True)
class Claim:
    """A job that was given to this process, as far as it was seen."""

    job: GenerationJob
    fence: Fence
    resolved: Resolved
    deadline: datetime

    @classmethod
    def of(cls, job: GenerationJob) -> Self | None:
        """Read the claim of a job; None when nobody holds it."""
        status = job.status
        if status.phase not in HELD or status.worker_id is None or status.resolved is None:
            return None
        deadline_s = job.spec.deadline_seconds or DEFAULT_DEADLINE_S
        return cls(
            job=job,
            fence=Fence(job.metadata.uid, status.worker_id, status.attempt),
            resolved=status.resolved,
            deadline=job.metadata.creation_timestamp + timedelta(seconds=deadline_s),
        )

    @property
    def uid(self) -> str:
        """The job's uid."""
        return self.fence.uid

    @property
    def job_name(self) -> JobName:
        """Where the job lies."""
        return JobName(self.job.metadata.namespace, self.job.metadata.name)

    @property
    def order(self) -> tuple[datetime, str]:
        """What claims are sorted by: first claimed, first run; the uid breaks ties."""
        return self.job.status.claimed_at or self.job.metadata.creation_timestamp, self.uid

    def stop(self, now: datetime) -> Stop | None:
        """Say whether the job itself asks to be stopped."""
        if self.job.spec.cancel_requested:
            return Stop.CANCELLED
        return Stop.DEADLINE if now >= self.deadline else None


@dataclass(frozen=True)
class Unreadable:
    """A claim of this process that it can't understand, as one of a newer version of PicShapes."""

    job_name: JobName
    fence: Fence
    fault: str


class Assignment:
    """The claims of one process."""

    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self._claims: dict[str, Claim] = {}
        self._taken: set[Fence] = set()
        """Claims that the worker has begun, ended or given back: the watch may still show them as waiting."""

    def observe(self, observation: Observation, namespace: str | None = None) -> list[Unreadable]:
        """Take in what a watch shows; return the claims that this version of the worker can't read.

        `namespace` is the watch's: what its list lacks is gone there, and nowhere else. None: all namespaces.
        """
        match observation:
            case Listed(objects):
                listed = {one["metadata"]["uid"] for one in objects}
                for claim in [one for one in self._claims.values() if one.uid not in listed]:
                    if namespace in (None, claim.job_name.namespace):
                        self._forget(claim.uid)
                return [bad for one in objects if (bad := self._see(one))]
            case Changed(one):
                bad = self._see(one)
                return [bad] if bad else []
            case Deleted(one):
                if one["metadata"]["uid"] in self._claims:
                    self._forget(one["metadata"]["uid"])
            case Heard():
                pass
        return []

    def current(self, fence: Fence) -> Claim | None:
        """Return a claim as last seen; None when it is lost."""
        claim = self._claims.get(fence.uid)
        return claim if claim is not None and claim.fence == fence else None

    def take(self, claim: Claim) -> None:
        """Note that the worker deals with this claim, so that it is offered only once."""
        self._taken.add(claim.fence)

    def waiting(self) -> list[Claim]:
        """Return the claims that nobody deals with yet, in the order in which they are to run."""
        untouched = (claim for claim in self._claims.values() if claim.fence not in self._taken)
        return sorted(untouched, key=lambda claim: claim.order)

    def stop(self, fence: Fence, now: datetime) -> Stop | None:
        """Say whether a job that runs must stop, and why."""
        claim = self.current(fence)
        return Stop.LOST if claim is None else claim.stop(now)

    def _see(self, obj: Json) -> Unreadable | None:
        uid = obj["metadata"]["uid"]
        status = obj.get("status", {})
        claim = None
        # Looked at before it is parsed: half of what is seen are this process's own terminal writes.
        if status.get("workerID") == self._worker_id and status.get("phase") in HELD:
            try:
                claim = Claim.of(GenerationJob.parse(obj))
            except ValidationError as error:
                fence = Fence(uid, self._worker_id, status["attempt"])
                job_name = JobName(obj["metadata"]["namespace"], obj["metadata"]["name"])
                return Unreadable(job_name, fence, str(error))
        known = self._claims.get(uid)
        if known is not None and (claim is None or claim.fence != known.fence):
            self._forget(uid)
        if claim is not None:
            self._claims[uid] = claim
        return None

    def _forget(self, uid: str) -> None:
        self._taken.discard(self._claims.pop(uid).fence)

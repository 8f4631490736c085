"""Every job of the own namespace, kept current by one watch: what `GET /jobs/{id}` reads.

Objects are kept as the API server sent them (less what nobody reads) and turned into an answer when first asked
for. Whoever must act on changes (the mirror) takes them as a batch: the last state of each job, and whether
everything was listed anew.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from picshapes_api.core.job_view import JobFacts, facts_of, is_api_job, public_id
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import Changed, Deleted, Json, Listed, Reflector

SILENT_S: Final = 90.0
"""Without a sign of life for longer, the cache may be wrong."""

_TERMINAL: Final = ("Completed", "Failed")


class CachedJob:
    """A job as last seen."""

    __slots__ = ("_facts", "_settled", "body", "body_base", "resource")

    def __init__(self, resource: Json) -> None:
        resource["metadata"].pop("managedFields", None)  # nobody reads it, and nothing else is as large
        self.resource = resource
        self._facts: JobFacts | None = None
        self._settled = False
        self.body: bytes | None = None
        """The answer to `GET`, made for `body_base`."""
        self.body_base = ""

    @property
    def phase(self) -> str:
        """The phase in the resource's words."""
        return str((self.resource.get("status") or {}).get("phase", "Pending"))

    @property
    def is_new(self) -> bool:
        """Whether nothing has happened to it since it was created."""
        status = self.resource.get("status") or {}
        return self.phase == "Pending" and not status.get("attempt") and self.may_be_cancelled

    @property
    def ended(self) -> bool:
        """Whether the phase is a terminal one."""
        return self.phase in _TERMINAL

    @property
    def doubtful(self) -> bool:
        """Whether the database may know better: the job ended, or someone wants it to."""
        if self._settled or not is_api_job(self.resource):
            return False
        return not self.may_be_cancelled

    @property
    def may_be_cancelled(self) -> bool:
        """Whether it runs or waits, and nobody has asked it to end."""
        return not (self.ended or self.resource["spec"].get("cancelRequested"))

    @property
    def may_keep_body(self) -> bool:
        """Whether the answer stays right until the resource changes."""
        return not self.doubtful

    def settle(self, facts: JobFacts) -> None:
        """Take the job's end as the database has it: nothing changes it any more."""
        self._facts, self._settled = facts, True

    @property
    def uid(self) -> str:
        """The resource's uid."""
        return str(self.resource["metadata"]["uid"])

    def facts(self, catalogue: Catalogue) -> JobFacts:
        """Return the job as the API shows it."""
        if self._facts is None:
            self._facts = facts_of(self.resource, catalogue)
        return self._facts


@dataclass
class Changes:
    """What happened since the last look: the latest state of each job that changed."""

    relisted: bool = False
    """The cluster was listed: jobs absent from the cache are gone."""
    seen: dict[str, CachedJob] = field(default_factory=dict)
    deleted: dict[str, CachedJob] = field(default_factory=dict)
    """Resources that were deleted, in their last state, by uid: a job can lose one after another."""


class JobCache:
    """The jobs of the own namespace by public id."""

    def __init__(self, reflector: Reflector) -> None:
        self._reflector = reflector
        self._jobs: dict[str, CachedJob] = {}
        self._changes = Changes()
        self.changed = asyncio.Event()
        """Set while there is something to take."""
        self.recorded: dict[str, str] = {}
        """Uids of new resources that this process has written into their rows: the mirror need not."""
        self.unfinished = 0
        """Jobs of the API in the cluster that have not ended."""
        self.unfinished_of: Counter[str] = Counter()
        """The same for each user."""

    async def follow(self) -> None:
        """Keep the cache current, for ever."""
        async for observation in self._reflector.observations():
            if isinstance(observation, Listed):
                self._replace([CachedJob(one) for one in observation.objects])
            elif isinstance(observation, Changed):
                self._put(CachedJob(observation.object))
            elif isinstance(observation, Deleted):
                self._drop(CachedJob(observation.object))

    def get(self, job_id: str) -> CachedJob | None:
        """Return a job as last seen."""
        return self._jobs.get(job_id)

    def all(self) -> dict[str, CachedJob]:
        """Return all jobs as last seen, by public id."""
        return self._jobs

    @property
    def trustworthy(self) -> bool:
        """Whether the cache has been filled and the watch is alive."""
        silent_s = self._reflector.silent_s()
        return silent_s is not None and silent_s < SILENT_S

    @property
    def filled(self) -> bool:
        """Whether the cluster has been listed."""
        return self._reflector.heard_at is not None

    def take_changes(self) -> Changes:
        """Return what happened since the last call."""
        self.changed.clear()
        taken, self._changes = self._changes, Changes()
        return taken

    def put_back(self, changes: Changes) -> None:
        """Give back changes that could not be dealt with; newer ones win."""
        changes.seen.update(self._changes.seen)
        changes.deleted.update(self._changes.deleted)
        changes.relisted = changes.relisted or self._changes.relisted
        self._changes = changes

    def mark_all_changed(self) -> None:
        """Let the next batch hold every job: for one who begins to act on changes."""
        self._changes.seen = dict(self._jobs)
        self._changes.relisted = True
        self.changed.set()

    def _replace(self, jobs: list[CachedJob]) -> None:
        old, self._jobs = self._jobs, {public_id(job.resource): job for job in jobs}
        self.unfinished, self.unfinished_of = 0, Counter()
        for job in jobs:
            self._count(job, 1)
        for job_id, job in old.items():
            new = self._jobs.get(job_id)
            if new is None or new.uid != job.uid:
                self._changes.deleted[job.uid] = job
        self.mark_all_changed()

    def _put(self, job: CachedJob) -> None:
        job_id = public_id(job.resource)
        old = self._jobs.get(job_id)
        self._count(old, -1)
        self._count(job, 1)
        self._jobs[job_id] = job
        self._changes.seen[job_id] = job
        self.changed.set()

    def _drop(self, job: CachedJob) -> None:
        job_id = public_id(job.resource)
        old = self._jobs.pop(job_id, None)
        self._count(old, -1)
        self._changes.seen.pop(job_id, None)
        self._changes.deleted[job.uid] = job
        self.changed.set()

    def _count(self, job: CachedJob | None, by: int) -> None:
        if job is not None and not job.ended and is_api_job(job.resource):
            owner = job.resource["spec"].get("owner", "")
            self.unfinished += by
            self.unfinished_of[owner] += by
            if not self.unfinished_of[owner]:
                del self.unfinished_of[owner]

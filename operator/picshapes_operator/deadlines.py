"""When the operator itself must act on a job: end a live one, delete one that has ended long ago."""

from datetime import datetime

from picshapes_crds.phases import TERMINAL
from picshapes_crds.resource import GenerationJob
from picshapes_operator.expire import expires_at
from picshapes_operator.recover import due_at
from picshapes_operator.snapshot import JobId
from picshapes_operator.timers import Timers


class Deadlines:
    """Two queues of jobs, each by the time at which something is due."""

    def __init__(self) -> None:
        self._overdue = Timers()
        self._expired = Timers()

    def put(self, job: GenerationJob) -> None:
        """Take in a job as it is now."""
        if job.status.phase not in TERMINAL:
            self._overdue.set(job.metadata.uid, due_at(job).timestamp())
        elif expiry := expires_at(job):
            self._expired.set(job.metadata.uid, expiry.timestamp())

    def discard(self, uid: JobId) -> None:
        """Take a job out, if it is in."""
        self._overdue.clear(uid)
        self._expired.clear(uid)

    def overdue(self, now: datetime) -> list[JobId]:
        """Take the jobs that the operator must end now."""
        return self._overdue.due(now.timestamp())

    def expired(self, now: datetime) -> list[JobId]:
        """Take the finished jobs whose time to live is over."""
        return self._expired.due(now.timestamp())

    def again(self, job: GenerationJob, now: datetime) -> None:
        """Have a job that was taken, and could not be dealt with, taken again."""
        timers = self._expired if job.status.phase in TERMINAL else self._overdue
        timers.set(job.metadata.uid, now.timestamp())

"""The waiting jobs, sorted: one queue for each demand, so that equal jobs are compared with the workers once.

Adding and removing take O(log n); the heads of a queue are read without touching the rest.
"""

from itertools import islice

from sortedcontainers import SortedList

from picshapes_crds.resource import GenerationJob
from picshapes_operator.snapshot import Demand, JobId, Queue

_Entry = tuple[tuple[float, ...], JobId]


def order(job: GenerationJob) -> tuple[float, ...]:
    """Return the sort key of a job: higher priority first, then the older."""
    return (-(job.spec.priority or 0), job.metadata.creation_timestamp.timestamp())


class Queues:
    """All waiting jobs."""

    def __init__(self) -> None:
        self._queues: dict[Demand, SortedList[_Entry]] = {}
        self._where: dict[JobId, tuple[Demand, _Entry]] = {}

    def __len__(self) -> int:
        return len(self._where)

    def add(self, job: JobId, demand: Demand, key: tuple[float, ...]) -> None:
        """Add a job, or move it to where it belongs now."""
        self.discard(job)
        entry = (key, job)
        self._queues.setdefault(demand, SortedList()).add(entry)
        self._where[job] = (demand, entry)

    def discard(self, job: JobId) -> None:
        """Take a job out, if it is in."""
        found = self._where.pop(job, None)
        if found is None:
            return
        demand, entry = found
        self._queues[demand].remove(entry)
        if not self._queues[demand]:
            del self._queues[demand]

    def heads(self, count: int) -> list[Queue]:
        """Return the first jobs of each queue."""
        return [Queue(demand, list(islice(queue, count))) for demand, queue in self._queues.items()]

    def sizes(self) -> dict[Demand, int]:
        """Return how many jobs wait for each demand."""
        return {demand: len(queue) for demand, queue in self._queues.items()}

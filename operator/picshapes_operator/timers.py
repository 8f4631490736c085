"""Jobs by the wall-clock time at which each is due for a look: deadlines and expiries."""

import heapq
from datetime import datetime

from picshapes_operator.snapshot import JobId


class Timers:
    """A heap with lazy deletion: setting, clearing and taking what is due each cost O(log n)."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, JobId]] = []
        self._at: dict[JobId, float] = {}

    def set(self, job: JobId, at: datetime) -> None:
        """Have the job taken at this time, and at no other."""
        moment = at.timestamp()
        if self._at.get(job) != moment:
            self._at[job] = moment
            heapq.heappush(self._heap, (moment, job))

    def clear(self, job: JobId) -> None:
        """Forget the job."""
        self._at.pop(job, None)

    def due(self, now: datetime) -> list[JobId]:
        """Take all jobs whose time has come."""
        taken, moment = [], now.timestamp()
        while self._heap and self._heap[0][0] <= moment:
            at, job = heapq.heappop(self._heap)
            if self._at.get(job) == at:
                del self._at[job]
                taken.append(job)
        return taken

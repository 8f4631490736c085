"""Jobs by the time at which each is due for a look: deadlines, expiries, explanations."""

import heapq

from picshapes_operator.snapshot import JobId


class Timers:
    """A heap with lazy deletion: setting, clearing and taking what is due each cost O(log n). Times in seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, JobId]] = []
        self._at: dict[JobId, float] = {}

    def __contains__(self, job: JobId) -> bool:
        return job in self._at

    def set(self, job: JobId, at_s: float) -> None:
        """Have the job taken at this time, and at no other."""
        if self._at.get(job) != at_s:
            self._at[job] = at_s
            heapq.heappush(self._heap, (at_s, job))

    def clear(self, job: JobId) -> None:
        """Forget the job."""
        self._at.pop(job, None)
        if len(self._heap) > 2 * len(self._at) + 64:  # what was cleared must not pile up
            self._heap = [(at_s, one) for one, at_s in self._at.items()]
            heapq.heapify(self._heap)

    def take(self, now_s: float) -> JobId | None:
        """Take the job whose time came first; None when no time has come."""
        while self._heap and self._heap[0][0] <= now_s:
            at_s, job = heapq.heappop(self._heap)
            if self._at.get(job) == at_s:
                del self._at[job]
                return job
        return None

    def due(self, now_s: float) -> list[JobId]:
        """Take all jobs whose time has come."""
        taken = []
        while (job := self.take(now_s)) is not None:
            taken.append(job)
        return taken

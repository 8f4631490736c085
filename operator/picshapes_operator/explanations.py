"""When a waiting job's reason is written: rarely, so that explaining costs the API server next to nothing.

A reason is written once it has held for 2 s, again when it changes; a new sentence for the same reason at most
once a minute a job; and all together at most 20 a second. Pure but for its memory.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from picshapes_crds.phases import ConditionType, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_operator.snapshot import JobId, Unschedulable

HOLD_S: Final = 2.0
REPEAT_S: Final = 60.0
PER_SECOND: Final = 20.0


class Explanations:
    """Remembers since when each waiting job has had its reason."""

    def __init__(self) -> None:
        self._since: dict[JobId, tuple[Reason, float]] = {}
        self._written: dict[JobId, float] = {}
        self._allowance, self._asked_at = PER_SECOND, 0.0

    def due(
        self, waiting: Iterable[Unschedulable], jobs: Mapping[JobId, GenerationJob], monotonic: float
    ) -> list[Unschedulable]:
        """Return the explanations to be written now, of all jobs that wait."""
        self._allowance = min(PER_SECOND, self._allowance + (monotonic - self._asked_at) * PER_SECOND)
        self._asked_at = monotonic
        since: dict[JobId, tuple[Reason, float]] = {}
        chosen = []
        for one in waiting:
            reason, began = self._since.get(one.job, (one.reason, monotonic))
            since[one.job] = (reason, began) if reason is one.reason else (one.reason, monotonic)
            if self._allowance >= 1 and self._is_due(one, jobs[one.job], since[one.job][1], monotonic):
                self._allowance -= 1
                self._written[one.job] = monotonic
                chosen.append(one)
        self._since = since
        self._written = {job: at for job, at in self._written.items() if job in since}
        return chosen

    def _is_due(self, one: Unschedulable, job: GenerationJob, since: float, monotonic: float) -> bool:
        known = job.status.condition(ConditionType.SCHEDULED)
        if known and (known.reason, known.message) == (one.reason, one.message):
            return False
        if known and known.reason == one.reason:
            return monotonic - self._written.get(one.job, -REPEAT_S) >= REPEAT_S
        return monotonic - since >= HOLD_S

"""When a waiting job's reason is written: rarely, so that explaining costs the API server next to nothing.

A job that no worker fits is told so once it has waited for 2 s, one whose workers are merely busy once it has
waited for 10 s: by then most are claimed. A new reason is written when it is seen to have changed; a new sentence
for the same reason at most once a minute a job. All together at most 20 a second, of which 5 for jobs that only
wait their turn.

Looking costs, too, when very many wait, and they would all be due at once. So looks are bounded as well, and those
at jobs of which there may be news (new ones, and the first of a queue whose reason has changed) go before the
others, which see whether all is as it was told.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from picshapes_crds.phases import ConditionType, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.demand import Demand
from picshapes_operator.snapshot import JobId
from picshapes_operator.timers import Timers

HOLD_S: Final = 2.0
BUSY_HOLD_S: Final = 10.0
REPEAT_S: Final = 60.0
PER_SECOND: Final = 20.0
BUSY_PER_SECOND: Final = 5.0
NEWS_PER_SECOND: Final = 500.0
REPEATS_PER_SECOND: Final = 50.0
"""Looks at jobs of which there may be news, and at others."""
PLACE: Final = "; now "
"""What follows was true when it was written; it is no reason to write again."""


class Allowance:
    """Up to so many a second, and no more at once."""

    def __init__(self, per_second: float) -> None:
        self._per_second = self._left = per_second
        self._asked_at_s = 0.0

    def refill(self, now_s: float) -> None:
        """Take in that time has passed."""
        passed_s = max(0.0, now_s - self._asked_at_s)
        self._left = min(self._per_second, self._left + passed_s * self._per_second)
        self._asked_at_s = now_s

    def take(self) -> bool:
        """Take one, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def spent(self) -> bool:
        """Whether there is none."""
        return self._left < 1


class Explanations:
    """Which waiting job is looked at when, and whether its reason is then written. Times are the wall clock's."""

    def __init__(self) -> None:
        self._news, self._repeats = Timers(), Timers()
        self._since: dict[JobId, float] = {}
        self._reasons: dict[Demand, Reason] = {}
        self._offers: int | None = None
        self._all, self._busy = Allowance(PER_SECOND), Allowance(BUSY_PER_SECOND)
        self._looks_at_news, self._looks_again = Allowance(NEWS_PER_SECOND), Allowance(REPEATS_PER_SECOND)

    def waits(self, job: JobId, now_s: float) -> None:
        """Take in that a job waits, or waits again."""
        self._since[job] = now_s
        self.look_again(job, now_s + HOLD_S)

    def forget(self, job: JobId) -> None:
        """Take in that a job waits no more."""
        self._since.pop(job, None)
        self._news.clear(job)
        self._repeats.clear(job)

    def reason(self, demand: Demand, offers: int | None) -> Reason | None:
        """Return the reason of a queue if it was seen, and workers have offered the same since."""
        return self._reasons.get(demand) if offers is not None and offers == self._offers else None

    def seen(
        self,
        reasons: Mapping[Demand, Reason],
        first: Callable[[Demand], Iterable[JobId]],
        now_s: float,
        offers: int | None = None,
    ) -> None:
        """Take in the reason of each queue: where it has changed, the first jobs are looked at soon.

        `offers` counts the changes of what workers offer, on which alone reasons depend.
        """
        self._offers = offers
        for demand, reason in reasons.items():
            if self._reasons.get(demand, reason) is not reason:
                for job in first(demand):
                    self.look_again(job, now_s + HOLD_S)
        self._reasons = dict(reasons)

    def look_again(self, job: JobId, at_s: float) -> None:
        """Have a waiting job looked at at this time: there may be news of it."""
        if job in self._since:
            self._repeats.clear(job)
            self._news.set(job, at_s)

    def next(self, now_s: float) -> JobId | None:
        """Take a job that is due for a look; None when there is none, or no more may be looked at or told now."""
        for one in (self._all, self._busy, self._looks_at_news, self._looks_again):
            one.refill(now_s)
        if self._all.spent:
            return None
        if not self._looks_at_news.spent and (job := self._news.take(now_s)) is not None:
            self._looks_at_news.take()
            return job
        if self._busy.spent or self._looks_again.spent or (job := self._repeats.take(now_s)) is None:
            return None
        self._looks_again.take()
        return job

    def is_due(self, job: GenerationJob, reason: Reason, message: str, now: datetime) -> bool:
        """Say whether a job that was taken for a look is told its reason now; else it is looked at again later."""
        uid, now_s = job.metadata.uid, now.timestamp()
        known = job.status.condition(ConditionType.SCHEDULED)
        busy = reason is Reason.WAITING_FOR_WORKERS
        if known and known.reason == reason:
            next_s = known.last_transition_time.timestamp() + REPEAT_S
            if now_s < next_s or known.message.partition(PLACE)[0] == message:
                self._look_later(uid, max(next_s, now_s + REPEAT_S))
                return False
        elif busy and now_s < self._since[uid] + BUSY_HOLD_S:
            self._look_later(uid, self._since[uid] + BUSY_HOLD_S)
            return False
        if busy and not self._busy.take():
            self._look_later(uid, now_s + REPEAT_S)
            return False
        self._look_later(uid, now_s + REPEAT_S)
        return self._all.take()

    def _look_later(self, job: JobId, at_s: float) -> None:
        self._news.clear(job)
        self._repeats.set(job, at_s)

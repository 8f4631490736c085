"""What waiting jobs are told at one moment: why no worker takes them, and their place in line. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from picshapes_crds.clock import rfc3339
from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import Why, why
from picshapes_operator.explanations import PLACE, Explanations
from picshapes_operator.schedule import in_line
from picshapes_operator.snapshot import JobId
from picshapes_operator.waiting import WaitingJobs

PLACES_TOLD: Final = 256
"""Jobs of each queue whose place in line is told."""


class Told:
    """The waiting jobs beside the workers, as they are now."""

    def __init__(
        self, waiting: WaitingJobs, workers: Sequence[Worker], now: datetime, offers: int | None = None
    ) -> None:
        """`offers` counts the changes of what the workers offer; None looks at them all in any case."""
        self._waiting, self._workers, self.now, self._offers = waiting, workers, now, offers
        self._lines: dict[Demand, list[JobId]] = {}
        self._whys: dict[Demand, Why] = {}

    def due(self, explanations: Explanations, jobs: Mapping[JobId, GenerationJob]) -> Iterator[tuple[JobId, Why]]:
        """Yield the jobs that are to be told now, and what."""
        now_s = self.now.timestamp()
        queues = self._waiting.queues
        reasons = {
            demand: explanations.reason(demand, self._offers) or self._why_of(demand).reason
            for demand in queues.demands()
        }
        explanations.seen(reasons, self._line, now_s, self._offers)
        while (uid := explanations.next(now_s)) is not None:
            found = self._why(uid)
            if found and explanations.is_due(jobs[uid], found.reason, found.message, self.now):
                yield uid, replace(found, message=found.message + self._place(uid, found))

    def _why(self, uid: JobId) -> Why | None:
        refusal, ticket = self._waiting.refusal(uid), self._waiting.queues.ticket(uid)
        if refusal:
            return Why(refusal.reason, refusal.message, {})
        return self._why_of(ticket.demand) if ticket else None  # None: it rests, and was told so

    def _why_of(self, demand: Demand) -> Why:
        """Look at the workers once for all jobs that want the same."""
        if demand not in self._whys:
            self._whys[demand] = why(demand, self._workers)
        return self._whys[demand]

    def _place(self, uid: JobId, found: Why) -> str:
        ticket = self._waiting.queues.ticket(uid)
        if ticket is None or found.reason is not Reason.WAITING_FOR_WORKERS:
            return ""
        demand = self._waiting.queues.queue_of(ticket.demand)
        line = self._line(demand)
        if uid not in line:
            return ""
        return (
            f"{PLACE}{line.index(uid) + 1} of {self._waiting.queues.depth(demand)} in line ({rfc3339(self.now)})"
        )

    def _line(self, demand: Demand) -> list[JobId]:
        if demand not in self._lines:
            queue = self._waiting.queues.queue(demand, PLACES_TOLD, self._waiting.unit(self.now))
            self._lines[demand] = in_line(queue, PLACES_TOLD)
        return self._lines[demand]

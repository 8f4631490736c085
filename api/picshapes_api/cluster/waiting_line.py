"""All jobs that wait, from the watch caches, with what their owners have used: what a wait is explained by.

An estimate: the operator has seen jobs that are deleted by now. Read when somebody asks, in slices between which
other requests are served, and kept for a second, or for longer where reading takes long.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from picshapes_api.cluster.job_cache import CachedJob, JobCache
from picshapes_api.cluster.neighbours import Neighbours
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.phases import HELD, Phase
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.scheduling.costs import Rates, tier_weight
from picshapes_crds.scheduling.demand import Worker, demand_of
from picshapes_crds.scheduling.explain import Line, Rivals, Wait, explain, positions, rivals_of
from picshapes_crds.scheduling.fair_share import Usage
from picshapes_crds.scheduling.suspicion import is_suspect, rests_until
from picshapes_crds.scheduling.turns import Ticket

KEPT_S: Final = 1.0
LARGEST_SHARE: Final = 0.05
"""Of the processor's time that reading the line may take, however often it is asked for."""
SLICE: Final = 200
"""Jobs that are read before other requests have their turn."""


@dataclass(frozen=True)
class Seen:
    """The line as it was read."""

    line: Line
    _positions: dict[Rivals, dict[str, int]] = field(default_factory=dict)

    def explain(self, uid: str, workers: Sequence[Worker]) -> Wait | None:
        """Explain the wait of a job; None when it isn't in line. The jobs are sorted at most once a reading."""
        ticket = self.line.tickets.get(uid)
        if ticket is None:
            return None
        rivals = rivals_of(ticket.demand, workers)
        found = self._positions.get(rivals)
        if found is None or uid not in found:  # not in: the workers' sizes have changed since it was sorted
            found = self._positions[rivals] = positions(rivals, self.line, workers)
        return explain(ticket.demand, found[uid], len(found), workers)


@dataclass
class _Reading:
    """What one reading has gathered so far."""

    catalogue: Catalogue
    now: datetime
    usage: Usage
    rates: Rates = field(default_factory=Rates)
    waiting: list[tuple[GenerationJob, Resolved]] = field(default_factory=list)
    running: list[GenerationJob] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)
    """Who has a job waiting."""

    def take(self, job: GenerationJob) -> None:
        """Sort a job in that has not ended."""
        if job.status.phase in HELD:
            self.running.append(job)
        elif job.status.phase is Phase.PENDING and not job.spec.cancel_requested:
            resolved, rests = resolve(job.spec, self.catalogue), rests_until(job)
            if not isinstance(resolved, Refusal) and not (rests and rests > self.now):
                self.waiting.append((job, resolved))
                self.owners.add(_owner(job))

    def count(self, resource: Json) -> None:
        """Charge an owner who waits for a finished job; read without types, since there may be very many."""
        spec, status = resource["spec"], resource["status"]
        owner = spec.get("owner") or resource["metadata"]["namespace"]
        timings, found, ended = status.get("timings"), status.get("resolved"), status.get("completedAt")
        if owner in self.owners and timings and found and ended:
            resolved, seconds = Resolved.model_validate(found), timings["inferenceS"]
            self.rates.learn(resolved, seconds, guided=bool(spec.get("negativePrompt")))
            weighed = seconds / tier_weight(resolved.tier, self.catalogue)
            self.usage.charge(owner, weighed, datetime.fromisoformat(ended).timestamp())

    def line(self, now_s: float) -> Line:
        """Return all that wait, once everything was taken in."""
        for job in self.running:
            if job.status.resolved:
                at = job.status.claimed_at or job.metadata.creation_timestamp
                self.usage.charge(_owner(job), self._cost_s(job, job.status.resolved), at.timestamp())
        tickets = {
            job.metadata.uid: Ticket(
                demand=demand_of(resolved, self.catalogue, job.metadata.namespace),
                level=job.spec.priority or 0,
                owner=_owner(job),
                created_s=job.waits_since.timestamp(),
                cost_s=self._cost_s(job, resolved),
                alone=is_suspect(job),
            )
            for job, resolved in self.waiting
        }
        return Line(tickets, self.usage.rank, self.usage.weighed(1.0, now_s), now_s)

    def _cost_s(self, job: GenerationJob, resolved: Resolved) -> float:
        return self.rates.cost_s(resolved, self.catalogue, guided=bool(job.spec.negative_prompt))


class WaitingLine:
    """Reads the line out of the caches, at most as often as it may."""

    def __init__(self, cache: JobCache, neighbours: Neighbours, catalogue: Catalogue, clock: Clock) -> None:
        self._cache, self._neighbours = cache, neighbours
        self._catalogue, self._clock = catalogue, clock
        self._reading = asyncio.Lock()
        self._seen: Seen | None = None
        self._fresh_until = float("-inf")
        self._parsed: dict[str, tuple[CachedJob, GenerationJob | None]] = {}
        """Live jobs by uid: a version that was parsed once isn't parsed again."""

    async def seen(self) -> Seen:
        """Return the line, about as it is now."""
        async with self._reading:
            if self._seen is None or self._clock.monotonic() >= self._fresh_until:
                self._seen, took_s = await self._read()
                self._fresh_until = self._clock.monotonic() + max(KEPT_S, took_s / LARGEST_SHARE)
            return self._seen

    async def _read(self) -> tuple[Seen, float]:
        """Read the caches, and say how much of the processor's time that took."""
        now, took_s = self._clock.now(), 0.0
        reading = _Reading(self._catalogue, now, Usage(now.timestamp()))
        jobs = [*self._cache.all().values(), *self._neighbours.current()]
        live, ended = [job for job in jobs if not job.ended], [job for job in jobs if job.ended]
        parsed: dict[str, tuple[CachedJob, GenerationJob | None]] = {}
        for start in range(0, len(live), SLICE):
            began = time.perf_counter()
            for cached in live[start : start + SLICE]:
                known = self._parsed.get(cached.uid)
                one = known if known and known[0] is cached else (cached, parse(cached.resource))
                parsed[cached.uid] = one
                if one[1] is not None:
                    reading.take(one[1])
            took_s += time.perf_counter() - began
            await asyncio.sleep(0)  # other requests have their turn
        self._parsed = parsed
        for start in range(0, len(ended), SLICE):
            began = time.perf_counter()
            for cached in ended[start : start + SLICE]:
                reading.count(cached.resource)
            took_s += time.perf_counter() - began
            await asyncio.sleep(0)  # as above
        return Seen(reading.line(now.timestamp())), took_s


def _owner(job: GenerationJob) -> str:
    return job.spec.owner or job.metadata.namespace


def parse(resource: Json) -> GenerationJob | None:
    """Read a job; None when it can't be read."""
    try:
        return GenerationJob.parse(resource)
    except ValidationError:
        return None  # the operator logs what it can't read, and leaves it alone

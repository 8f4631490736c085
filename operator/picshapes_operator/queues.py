"""The waiting jobs, sorted: by demand, then by level of priority, then by owner, then by age.

Adding, removing and raising a job take O(log n); the heads are read without touching the rest.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from sortedcontainers import SortedDict, SortedList

from picshapes_crds.scheduling.demand import Demand
from picshapes_crds.scheduling.turns import Ticket
from picshapes_operator.snapshot import Head, JobId, Line, Queue

MOST_OWNERS: Final = 64
"""Owners of one queue that one pass looks at; the others' turn comes in the next passes."""


@dataclass
class _Level:
    """The jobs of one level of one queue, by owner."""

    jobs: dict[str, SortedList[tuple[float, JobId]]] = field(default_factory=dict)
    ranking: SortedList[tuple[float, str]] = field(default_factory=SortedList)


class Queues:
    """All waiting jobs. `ranks` says how much each owner has used; an owner never heard of has used nothing."""

    def __init__(self) -> None:
        self._queues: dict[Demand, SortedDict[int, _Level]] = {}
        self._tickets: dict[JobId, Ticket] = {}
        self._ranks: dict[str, float] = {}
        self._places: defaultdict[str, set[tuple[Demand, int]]] = defaultdict(set)
        self._levels: SortedList[int] = SortedList()

    def __len__(self) -> int:
        return len(self._tickets)

    def top_level(self) -> int | None:
        """Return the highest level at which a job waits."""
        return self._levels[-1] if self._levels else None

    def level(self, job: JobId) -> int | None:
        """Return the level at which a job waits."""
        ticket = self._tickets.get(job)
        return ticket.level if ticket else None

    def add(self, job: JobId, ticket: Ticket) -> None:
        """Add a job, or move it to where it belongs now."""
        self.discard(job)
        levels = self._queues.setdefault(ticket.demand, SortedDict())
        level = levels.setdefault(-ticket.level, _Level())
        if ticket.owner not in level.jobs:
            level.jobs[ticket.owner] = SortedList()
            level.ranking.add((self._ranks.get(ticket.owner, 0.0), ticket.owner))
            self._places[ticket.owner].add((ticket.demand, ticket.level))
        level.jobs[ticket.owner].add((ticket.created_s, job))
        self._tickets[job] = ticket
        self._levels.add(ticket.level)

    def discard(self, job: JobId) -> None:
        """Take a job out, if it is in."""
        ticket = self._tickets.pop(job, None)
        if ticket is None:
            return
        levels = self._queues[ticket.demand]
        level = levels[-ticket.level]
        level.jobs[ticket.owner].remove((ticket.created_s, job))
        self._levels.remove(ticket.level)
        if level.jobs[ticket.owner]:
            return
        del level.jobs[ticket.owner]
        level.ranking.remove((self._ranks.get(ticket.owner, 0.0), ticket.owner))
        self._places[ticket.owner].discard((ticket.demand, ticket.level))
        if not level.jobs:
            del levels[-ticket.level]
        if not levels:
            del self._queues[ticket.demand]

    def raise_to(self, job: JobId, level: int) -> None:
        """Move a waiting job to another level."""
        self.add(job, replace(self._tickets[job], level=level))

    def rank(self, owner: str, rank: float) -> None:
        """Take in how much an owner has used by now."""
        old = self._ranks.get(owner, 0.0)
        for demand, level in self._places[owner]:
            ranking = self._queues[demand][-level].ranking
            ranking.remove((old, owner))
            ranking.add((rank, owner))
        self._ranks[owner] = rank

    def owners(self) -> list[str]:
        """Return all owners who have a job waiting."""
        return [owner for owner, places in self._places.items() if places]

    def heads(self, count: int, rank_of_second: float) -> list[Queue]:
        """Return the first jobs of each queue, about `count` of each.

        `rank_of_second` is what one GPU-second adds to a rank now.
        """
        return [
            Queue(demand, list(self._lines(levels, count, rank_of_second)))
            for demand, levels in self._queues.items()
        ]

    def depths(self) -> dict[Demand, tuple[int, float]]:
        """Return how many jobs wait for each demand, and since when the oldest does, in seconds."""
        found = {}
        for demand, levels in self._queues.items():
            lines = [jobs for level in levels.values() for jobs in level.jobs.values()]
            found[demand] = (sum(len(jobs) for jobs in lines), min(jobs[0][0] for jobs in lines))
        return found

    def _lines(self, levels: SortedDict[int, _Level], count: int, rank_of_second: float) -> Iterator[Line]:
        owners = 0
        for negative, level in levels.items():
            taken = min(len(level.ranking), MOST_OWNERS - owners)
            for rank, owner in islice(level.ranking, taken):
                heads = [
                    Head(job, created_s, self._tickets[job].cost_s * rank_of_second)
                    for created_s, job in islice(level.jobs[owner], max(1, count // taken))
                ]
                yield Line(-negative, owner, rank, heads)
            owners += taken
            if owners >= MOST_OWNERS:
                return

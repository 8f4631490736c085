"""The waiting jobs, sorted: by the workers that they fit, then by level of priority, then by owner, then by age.

Many sizes of pictures make few queues (`grouping.py`). Adding, removing and raising a job take O(log n); the heads
are read without touching the rest.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import islice
from typing import overload

from sortedcontainers import SortedDict, SortedList

from picshapes_crds.scheduling.demand import Demand
from picshapes_crds.scheduling.turns import Ticket
from picshapes_operator.grouping import Grouping
from picshapes_operator.snapshot import Head, JobId, Line, Queue

_Jobs = SortedList[tuple[float, JobId]]


@dataclass
class _Level:
    """The jobs of one level of one queue, by owner; owners in the order of their turns."""

    jobs: dict[str, _Jobs] = field(default_factory=dict)
    ranking: SortedList[tuple[float, float, JobId, str]] = field(default_factory=SortedList)
    """Each owner's rank, first job with its time, and name."""
    count: int = 0


@dataclass
class _Queue:
    levels: SortedDict[int, _Level] = field(default_factory=SortedDict)
    """By negative level: the highest first."""
    count: int = 0
    run_s: float = 0.0


class Queues:
    """All waiting jobs. `ranks` says how much each owner has used; an owner never heard of has used nothing."""

    def __init__(self) -> None:
        self._queues: dict[Demand, _Queue] = {}
        self._tickets: dict[JobId, Ticket] = {}
        self._ranks: dict[str, float] = {}
        self._places: defaultdict[str, set[tuple[Demand, int]]] = defaultdict(set)
        self._levels: SortedDict[int, int] = SortedDict()
        """How many jobs wait at each level."""
        self._grouping = Grouping()

    def __len__(self) -> int:
        return len(self._tickets)

    def top_level(self) -> int | None:
        """Return the highest level at which a job waits."""
        return self._levels.peekitem(-1)[0] if self._levels else None

    def ticket(self, job: JobId) -> Ticket | None:
        """Return where a job stands, if it waits."""
        return self._tickets.get(job)

    def queue_of(self, demand: Demand) -> Demand:
        """Return the queue in which jobs of this demand wait."""
        return self._grouping.queue_of(demand)

    def split_at(self, *sizes_mib: int) -> None:
        """Take in that workers of these sizes exist: jobs that need no more get queues of their own."""
        self._regroup(self._grouping.with_sizes(sizes_mib))

    def watched_by_all(self, namespaces: frozenset[str] | None) -> None:
        """Take in whose jobs all workers watch: those of others get queues of their own. None for everyone's."""
        self._regroup(replace(self._grouping, watched=namespaces))

    def _regroup(self, grouping: Grouping) -> None:
        if grouping == self._grouping:
            return
        was = self._grouping
        # There may be very many jobs, of few demands.
        moves = cache(lambda demand: grouping.queue_of(demand) != was.queue_of(demand))
        moved = [(job, ticket) for job, ticket in self._tickets.items() if moves(ticket.demand)]
        for job, _ in moved:
            self.discard(job)
        self._grouping = grouping
        for job, ticket in moved:
            self.add(job, ticket)

    def add(self, job: JobId, ticket: Ticket) -> None:
        """Add a job, or move it to where it belongs now."""
        self.discard(job)
        demand = self.queue_of(ticket.demand)
        queue = self._queues.setdefault(demand, _Queue())
        level = queue.levels.setdefault(-ticket.level, _Level())
        jobs = level.jobs.get(ticket.owner)
        if jobs is None:
            jobs = level.jobs[ticket.owner] = SortedList()
            self._places[ticket.owner].add((demand, ticket.level))
        else:
            level.ranking.remove(self._entry(ticket.owner, jobs))
        jobs.add((ticket.created_s, job))
        level.ranking.add(self._entry(ticket.owner, jobs))
        level.count += 1
        queue.count += 1
        queue.run_s += ticket.run_s
        self._levels[ticket.level] = self._levels.get(ticket.level, 0) + 1
        self._tickets[job] = ticket

    def discard(self, job: JobId) -> None:
        """Take a job out, if it is in."""
        ticket = self._tickets.pop(job, None)
        if ticket is None:
            return
        demand = self.queue_of(ticket.demand)
        queue = self._queues[demand]
        level = queue.levels[-ticket.level]
        jobs = level.jobs[ticket.owner]
        level.ranking.remove(self._entry(ticket.owner, jobs))
        jobs.remove((ticket.created_s, job))
        level.count -= 1
        queue.count -= 1
        queue.run_s -= ticket.run_s
        self._levels[ticket.level] -= 1
        if not self._levels[ticket.level]:
            del self._levels[ticket.level]
        if jobs:
            level.ranking.add(self._entry(ticket.owner, jobs))
            return
        del level.jobs[ticket.owner]
        self._places[ticket.owner].discard((demand, ticket.level))
        if not self._places[ticket.owner]:
            del self._places[ticket.owner]
        if not level.jobs:
            del queue.levels[-ticket.level]
        if not queue.levels:
            del self._queues[demand]

    def raise_to(self, job: JobId, level: int) -> None:
        """Move a waiting job to another level."""
        self.add(job, replace(self._tickets[job], level=level))

    def rank(self, owner: str, rank: float) -> None:
        """Take in how much an owner has used by now."""
        places = self._places.get(owner, set())
        levels = [self._queues[demand].levels[-number] for demand, number in places]
        for level in levels:
            level.ranking.remove(self._entry(owner, level.jobs[owner]))
        if rank:
            self._ranks[owner] = rank
        else:
            self._ranks.pop(owner, None)
        for level in levels:
            level.ranking.add(self._entry(owner, level.jobs[owner]))

    def rank_of(self, owner: str) -> float:
        """Return how much an owner has used, as last told."""
        return self._ranks.get(owner, 0.0)

    def owners(self) -> list[str]:
        """Return all owners who have a job waiting."""
        return list(self._places)

    def demands(self) -> list[Demand]:
        """Return the queues in which a job waits."""
        return list(self._queues)

    def depth(self, demand: Demand) -> int:
        """Return how many jobs wait in a queue."""
        return self._queues[demand].count

    def work_s(self, demand: Demand) -> float:
        """Return how many GPU-seconds the jobs of a queue are expected to take."""
        return max(0.0, self._queues[demand].run_s)

    def oldest_s(self, demand: Demand) -> float:
        """Return since when the oldest job of a queue waits."""
        levels = self._queues[demand].levels.values()
        return min(jobs[0][0] for level in levels for jobs in level.jobs.values())

    def queue(self, demand: Demand, count: int, rank_of_second: float) -> Queue:
        """Return the lines that hold the first `count` jobs of a queue, whatever else is claimed before them.

        `rank_of_second` is what one GPU-second adds to a rank now.
        """
        return Queue(demand, _Lines(partial(self._lines, self._queues[demand], count, rank_of_second)))

    def _entry(self, owner: str, jobs: _Jobs) -> tuple[float, float, JobId, str]:
        return self.rank_of(owner), *jobs[0], owner

    def _lines(self, queue: _Queue, count: int, rank_of_second: float) -> Iterator[Line]:
        # Of `count` claims none goes to an owner behind the first `count`: each of these has a job before theirs.
        for negative, level in queue.levels.items():
            for rank, _, _, owner in islice(level.ranking, count):
                heads = _Heads(level.jobs[owner], count, self._tickets, rank_of_second)
                yield Line(-negative, owner, rank, heads)
            count -= level.count
            if count <= 0:
                return


@dataclass(frozen=True)
class _Lines:
    """The lines of a queue, made when their turn comes: a decision on a few jobs needs but a few of many."""

    make: Callable[[], Iterator[Line]]

    def __iter__(self) -> Iterator[Line]:
        return self.make()


class _Heads(Sequence[Head]):
    """The first jobs of a line, read when their turn comes: most never are."""

    def __init__(self, jobs: _Jobs, count: int, tickets: dict[JobId, Ticket], rank_of_second: float) -> None:
        self._jobs, self._tickets, self._rank_of_second = jobs, tickets, rank_of_second
        self._length = min(len(jobs), count)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Head: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Head]: ...
    def __getitem__(self, index: int | slice) -> Head | Sequence[Head]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        created_s, job = self._jobs[index]
        ticket = self._tickets[job]
        cost = ticket.cost_s * self._rank_of_second
        return Head(job, created_s, cost, ticket.alone, ticket.lost_on)

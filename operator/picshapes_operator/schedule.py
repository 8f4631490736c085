"""Which job goes to which worker: one pure decision over a snapshot.

Jobs are taken over all queues by priority, then from the owner who has used the least lately, then by age; each
claim counts as use at once. A job goes to the best place among the workers that fit: a free running place before
a waiting one, then a worker that has the model loaded, then the smallest sufficient memory. A worker has one
running and one waiting place, so a GPU is never idle between two jobs; a waiting place is given only when no
fitting worker has a running one free. A job that was lost with its worker goes to another one, if one is as free:
its first may be what is broken, but an idle one is better than none.
"""

import heapq
from collections.abc import Iterator, Sequence

from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import PLACES, Fit, fit
from picshapes_operator.snapshot import (
    Claim,
    Head,
    JobId,
    Line,
    Queue,
    Snapshot,
)

_Place = tuple[int, bool, int, str]
_Turn = tuple[int, float, float, JobId, Head, Demand, Line, int, bool]


class _Places:
    """The free places for one demand, best first; entries outdated by a claim are corrected when they surface."""

    def __init__(self, demand: Demand, workers: dict[str, Worker], held: dict[str, int]) -> None:
        self._demand, self._workers, self._held = demand, workers, held
        self._heap: list[_Place] = []
        for worker in workers.values():
            if fit(demand, worker) is Fit.FITS:
                self._heap.append(self._place(worker))
        heapq.heapify(self._heap)

    def _place(self, worker: Worker) -> _Place:
        return (self._held[worker.name], self._demand.model not in worker.loaded, worker.vram_mib, worker.name)

    def take(self, *, alone: bool, lost_on: str) -> Worker | None:
        """Take the best place, if there is one; with all behind it, for a job that nothing is to wait behind.

        `lost_on` names a worker to which another that is as free is preferred.
        """
        worker = self._best()
        if worker is not None and worker.name == lost_on:
            worker = self._as_free_as(worker) or worker
        if worker is not None:
            self._held[worker.name] = PLACES if alone else self._held[worker.name] + 1
        return worker

    def _best(self) -> Worker | None:
        while self._heap:
            held, _, _, name = self._heap[0]
            worker, now_held = self._workers[name], self._held[name]
            if now_held >= PLACES:
                heapq.heappop(self._heap)
            elif now_held != held:
                heapq.heapreplace(self._heap, self._place(worker))
            else:
                return worker
        return None

    def _as_free_as(self, best: Worker) -> Worker | None:
        """Return the next best worker if it holds no more than the best one, which stands first in the heap."""
        place = heapq.heappop(self._heap)
        other = self._best()
        heapq.heappush(self._heap, place)
        return other if other and self._held[other.name] == self._held[best.name] else None


class _Order:
    """The waiting jobs of all queues in the order of their turns, which each claim changes."""

    def __init__(self, queues: Sequence[Queue]) -> None:
        self._closed: set[Demand] = set()
        self._ranks: dict[str, float] = {}
        self._heap: list[_Turn] = []
        # Of each queue's lines, which come in order, only the next one lies in the heap: most are never needed.
        self._lines = {queue.demand: iter(queue.lines) for queue in queues}
        for demand in self._lines:
            self._open_line(demand)

    def _open_line(self, demand: Demand) -> None:
        line = next(self._lines[demand], None)
        if line is not None:
            self._ranks.setdefault(line.owner, line.rank)
            # By the rank that the lines are in order of, whatever the owner has claimed elsewhere since.
            self._push(demand, line, 0, line.rank, opens=True)

    def _push(self, demand: Demand, line: Line, index: int, rank: float, *, opens: bool = False) -> None:
        if index < len(line.heads):
            head = line.heads[index]
            turn = (-line.level, rank, head.created_s, head.job, head, demand, line, index, opens)
            heapq.heappush(self._heap, turn)

    def turns(self) -> Iterator[tuple[Demand, Line, Head]]:
        """Yield each job when its turn comes; the caller says `claimed` or `close` before it asks for the next."""
        while self._heap:
            _, rank, _, _, head, demand, line, index, opens = heapq.heappop(self._heap)
            if demand in self._closed:
                continue
            if opens:
                self._open_line(demand)
            if rank != self._ranks[line.owner]:
                self._push(demand, line, index, self._ranks[line.owner])
                continue
            yield demand, line, head
            self._push(demand, line, index + 1, self._ranks[line.owner])

    def close(self, demand: Demand) -> None:
        """Let no more jobs of this demand have a turn: there is no place for them."""
        self._closed.add(demand)

    def claimed(self, line: Line, head: Head) -> None:
        """Charge the owner of a job."""
        self._ranks[line.owner] += head.cost


def schedule(snapshot: Snapshot) -> list[Claim]:
    """Decide which waiting jobs are claimed by whom.

    Takes O((queues + claims) · log n) after one look at each worker of the snapshot for each queue; the snapshot
    holds as many of either as the claims need.
    """
    free = [worker for worker in snapshot.workers if worker.accepting and worker.held < PLACES]
    workers = {worker.name: worker for worker in free}
    held = {worker.name: worker.held for worker in free}
    places = {queue.demand: _Places(queue.demand, workers, held) for queue in snapshot.queues}
    order = _Order(snapshot.queues)
    claims: list[Claim] = []
    for demand, line, head in order.turns():
        if len(claims) >= snapshot.most:
            break
        worker = places[demand].take(alone=head.alone, lost_on=head.lost_on)
        if worker is None:
            order.close(demand)
        else:
            claims.append(Claim(head.job, worker.name, worker.worker_id))
            order.claimed(line, head)
    return claims


def in_line(queue: Queue, count: int) -> list[JobId]:
    """Return the first jobs of a queue in the order of their turns, as if places came for them alone."""
    order = _Order([queue])
    jobs: list[JobId] = []
    for _, line, head in order.turns():
        if len(jobs) == count:
            break
        jobs.append(head.job)
        order.claimed(line, head)
    return jobs

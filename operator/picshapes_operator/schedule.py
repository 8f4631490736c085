"""Which job goes to which worker: one pure decision over a snapshot.

Jobs are taken over all queues in the order of their keys. Each goes to the best place among the workers that
fit: a free running place before a waiting one, then a worker that has the model loaded, then the smallest
sufficient memory, then the least busy. A worker has one running and one waiting place, so a GPU is never idle
between two jobs; a waiting place is given only when no fitting worker has a running one free.
"""

import heapq
from typing import Final

from picshapes_operator.fit import Fit, explain, fit
from picshapes_operator.snapshot import Claim, Decision, Demand, JobId, Queue, Snapshot, Unschedulable, Worker

PLACES: Final = 2
"""Jobs that a worker may hold: one runs, one waits."""

_Place = tuple[int, bool, int, str]


class _Places:
    """The free places for one demand, best first; entries outdated by a claim are corrected when they surface."""

    def __init__(self, demand: Demand, workers: dict[str, Worker], held: dict[str, int]) -> None:
        self._demand, self._workers, self._held = demand, workers, held
        self._heap: list[_Place] = []
        for worker in workers.values():
            if fit(demand, worker) is Fit.FITS and held[worker.name] < PLACES:
                self._heap.append(self._place(worker))
        heapq.heapify(self._heap)

    def _place(self, worker: Worker) -> _Place:
        return (self._held[worker.name], self._demand.model not in worker.loaded, worker.vram_mib, worker.name)

    def take(self) -> Worker | None:
        """Take the best place, if there is one."""
        while self._heap:
            held, _, _, name = self._heap[0]
            worker, now_held = self._workers[name], self._held[name]
            if now_held >= PLACES:
                heapq.heappop(self._heap)
            elif now_held != held:
                heapq.heapreplace(self._heap, self._place(worker))
            else:
                self._held[name] += 1
                return worker
        return None


def schedule(snapshot: Snapshot) -> Decision:
    """Decide which waiting jobs are claimed by whom, and say of the others at the queues' heads why they wait.

    Takes O((heads + places) · log(workers)) after one look at each worker for each demand.
    """
    workers = {worker.name: worker for worker in snapshot.workers}
    held = {worker.name: worker.held for worker in snapshot.workers}
    places = {queue.demand: _Places(queue.demand, workers, held) for queue in snapshot.queues}
    claims: list[Claim] = []
    waiting: list[tuple[Demand, JobId]] = []
    for _, job, demand in heapq.merge(*(_entries(queue) for queue in snapshot.queues)):
        worker = places[demand].take()
        if worker is None:
            waiting.append((demand, job))
        else:
            claims.append(Claim(job, worker.name, worker.worker_id))
    why = {demand: explain(demand, snapshot.workers) for demand in dict.fromkeys(demand for demand, _ in waiting)}
    return Decision(claims, [Unschedulable(job, *why[demand]) for demand, job in waiting])


def _entries(queue: Queue) -> list[tuple[tuple[float, ...], JobId, Demand]]:
    return [(key, job, queue.demand) for key, job in queue.heads]

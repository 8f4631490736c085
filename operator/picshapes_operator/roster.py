"""The workers and what each holds, kept in buckets of free places, so that a decision looks at no busy worker.

Workers that offer the same are one kind; a kind keeps the names of its workers by how much they hold. Moving a
worker costs O(log n); reading the first free places of each kind doesn't depend on how many workers there are.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from sortedcontainers import SortedList

from picshapes_crds.scheduling.demand import Worker
from picshapes_crds.scheduling.fit import PLACES

_KindKey = tuple[frozenset[tuple[str, str]], str, int, frozenset[tuple[str, int]], frozenset[str], frozenset[str]]


class Kind:
    """The workers of one kind that have a place free, by how many jobs they hold."""

    def __init__(self, example: Worker) -> None:
        self.example = example
        """Any of them: all offer the same."""
        self.free: tuple[SortedList[str], ...] = tuple(SortedList() for _ in range(PLACES))
        """Names of the workers that hold none, one, and so on."""

    @property
    def places(self) -> int:
        """How many jobs they can take."""
        return sum((PLACES - held) * len(names) for held, names in enumerate(self.free))

    @property
    def idle(self) -> int:
        """How many of them hold nothing."""
        return len(self.free[0])

    def first(self, count: int) -> Iterator[str]:
        """Return the names of the first workers, those that hold the least before others."""
        return islice(chain(*self.free), count)


class Roster:
    """All workers that have measured their device and hold a Lease."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self._names: dict[str, str] = {}
        """Of the worker whose process it is."""
        self._held: Counter[str] = Counter()
        """Places taken, by process."""
        self._kinds: dict[_KindKey, Kind] = {}
        self._watched: Counter[frozenset[str]] = Counter()
        """How many workers watch just these namespaces."""
        self.offers = 0
        """Counts the changes of what workers offer; what they hold is left out."""
        self.overfull: set[str] = set()
        """Processes that hold more than they have places for."""

    def put(self, name: str, worker: Worker | None) -> None:
        """Take in what a worker offers now, whatever it holds; None when it is gone."""
        self.offers += 1
        self._remove(name)
        if worker is not None:
            self._names[worker.worker_id] = name
            self._watched[worker.namespaces] += 1
            self._insert(replace(worker, held=self._held[worker.worker_id]))

    def hold(self, worker_id: str, places: int) -> None:
        """Count places of a process as taken, or as free again when negative."""
        self._held[worker_id] += places
        held = self._held[worker_id]
        if not held:
            del self._held[worker_id]
        (self.overfull.add if held > PLACES else self.overfull.discard)(worker_id)
        name = self._names.get(worker_id)
        if name is not None:
            worker = self._workers[name]
            self._take_out(worker)
            self._insert(replace(worker, held=held))

    def workers(self) -> list[Worker]:
        """Return all workers."""
        return list(self._workers.values())

    def watched_by_all(self) -> frozenset[str] | None:
        """Return the namespaces that every worker watches; None while there are no workers."""
        return frozenset.intersection(*self._watched) if self._watched else None

    def worker(self, name: str) -> Worker:
        """Return a worker by its name."""
        return self._workers[name]

    def free_kinds(self) -> list[Kind]:
        """Return the kinds of which a worker has a place free."""
        return list(self._kinds.values())

    def _remove(self, name: str) -> None:
        old = self._workers.pop(name, None)
        if old is not None:
            self._take_out(old)
            self._watched[old.namespaces] -= 1
            if not self._watched[old.namespaces]:
                del self._watched[old.namespaces]
            if self._names.get(old.worker_id) == name:
                del self._names[old.worker_id]

    def _insert(self, worker: Worker) -> None:
        self._workers[worker.name] = worker
        if worker.accepting and worker.held < PLACES:
            key = _key(worker)
            kind = self._kinds.get(key)
            if kind is None:
                kind = self._kinds[key] = Kind(worker)
            kind.free[worker.held].add(worker.name)

    def _take_out(self, worker: Worker) -> None:
        if worker.accepting and worker.held < PLACES:
            key = _key(worker)
            kind = self._kinds[key]
            kind.free[worker.held].remove(worker.name)
            if not any(kind.free):
                del self._kinds[key]


def _key(worker: Worker) -> _KindKey:
    limits = frozenset(worker.limits_mib.items())
    weights = frozenset(worker.weights.items())
    return weights, worker.profile, worker.vram_mib, limits, worker.loaded, worker.namespaces

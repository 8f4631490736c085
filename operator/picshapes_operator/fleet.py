"""What is known of the workers: their pods and leases as last seen, and what follows from both.

No clock of another machine is ever compared: a lease is stale when *this* process has seen no change of it for
`LEASE_STALE_S` on its own monotonic clock, counted only while its lease watch was healthy. The leader's own Lease
is renewed every few seconds and seen on the same watch, which is how a silent watch is told from a quiet one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from picshapes_crds.cluster import Json
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER, DELETION_COST_ANNOTATION
from picshapes_crds.scheduling.demand import Worker, worker_of
from picshapes_crds.workers import LEASE_STALE_S, WorkerLease, WorkerPod, read_lease, read_pod
from picshapes_operator.deletion_cost import Standing
from picshapes_operator.recover import Holder

WATCH_SILENCE_S: Final = 10.0
"""A lease watch that was silent for longer than this was not healthy: every lease gets its full time again."""


@dataclass
class _Seen:
    lease: WorkerLease
    changed_at: float


class Fleet:
    """Pods and leases by the worker's name (both carry the pod's)."""

    def __init__(self) -> None:
        self.pods_listed = False
        self._pods: dict[str, WorkerPod] = {}
        self._costs: dict[str, str | None] = {}
        """Deletion costs of the pods, by name."""
        self._leases: dict[str, _Seen] = {}
        self._cordoned: set[str] = set()
        self._leases_listed = False
        self._heard_at = 0.0
        self._grace_from = 0.0
        self._touched: set[str] = set()
        """Workers of which something was seen since `seen` was last read."""
        self._stale_then: set[str] = set()
        """Workers whose lease had run out when all were last looked at."""

    @property
    def synced(self) -> bool:
        """Whether all pods and leases were listed once."""
        return self.pods_listed and self._leases_listed

    def observe_pod(self, pod: Json) -> None:
        """Take in a pod as it is now."""
        seen = read_pod(pod)
        self._pods[seen.name] = seen
        self._costs[seen.name] = (pod["metadata"].get("annotations") or {}).get(DELETION_COST_ANNOTATION)
        self._touched.add(seen.name)

    def forget_pod(self, name: str, uid: str) -> None:
        """Drop a pod, unless another has taken its name meanwhile."""
        if name in self._pods and self._pods[name].uid == uid:
            del self._pods[name], self._costs[name]
            self._touched.add(name)

    def keep_pods(self, uids: set[str], version: int) -> None:
        """Drop the pods that a LIST at this version did not show; from now on a missing pod is a gone one."""
        for name, pod in list(self._pods.items()):
            if pod.uid not in uids and pod.version <= version:
                self.forget_pod(name, pod.uid)
        self.pods_listed = True

    def is_behind(self, metadata: Json) -> bool:
        """Say whether a pod's metadata, read elsewhere, is newer than what was seen of it."""
        known = self._pods.get(metadata["name"])
        return known is None or known.version < int(metadata["resourceVersion"])

    def standing(self, worker: Worker) -> Standing:
        """Return how a worker's pod stands when its pool is scaled down."""
        uid, cost = self._pods[worker.name].uid, self._costs[worker.name]
        return Standing(worker.name, uid, busy=worker.held > 0, cost=cost)

    def cordon(self, nodes: set[str]) -> None:
        """Take in which nodes are cordoned now: all of them."""
        changed = self._cordoned ^ nodes
        self._cordoned = set(nodes)
        self._touched.update(name for name, pod in self._pods.items() if pod.node in changed)

    def heard(self, monotonic: float) -> None:
        """Note a sign of life of the lease watch."""
        if monotonic - self._heard_at > WATCH_SILENCE_S:
            self._grace_from = monotonic
        self._heard_at = monotonic

    def leases_listed(self, leases: Iterable[Json], monotonic: float) -> None:
        """Take in all leases anew; each gets its full time."""
        self._touched.update(self._leases)
        self._leases = {}
        self._grace_from = self._heard_at = monotonic
        self._leases_listed = True
        for lease in leases:
            self.observe_lease(lease, monotonic)

    def observe_lease(self, lease: Json, monotonic: float) -> bool:
        """Take in a lease as it is now; those of other components are only signs of life.

        Says whether there may be something new to decide on: most renewals only say that all is as it was.
        """
        self.heard(monotonic)
        if not _is_worker(lease):
            return False
        seen = read_lease(lease)
        old = self._leases.get(seen.name)
        same = old is not None and (old.lease.renewed, old.lease.worker_id) == (seen.renewed, seen.worker_id)
        self._leases[seen.name] = _Seen(seen, old.changed_at if old and same else monotonic)
        if (
            old is not None
            and (old.lease.worker_id, old.lease.loaded, old.lease.limits_mib, old.lease.namespaces)
            == (seen.worker_id, seen.loaded, seen.limits_mib, seen.namespaces)
            and monotonic - old.changed_at < LEASE_STALE_S
        ):
            return False
        self._touched.add(seen.name)
        return True

    def forget_lease(self, lease: Json, monotonic: float) -> None:
        """Drop a lease that was deleted."""
        self.heard(monotonic)
        if _is_worker(lease):
            name = read_lease(lease).name
            self._leases.pop(name, None)
            self._touched.add(name)

    def seen(self, monotonic: float, *, everything: bool) -> Iterator[tuple[str, Worker | None]]:
        """Yield the workers that may have changed since the last call; None for one that is no more.

        Leases run out with nothing seen: now and then `everything` must be looked at.
        """
        if everything:
            stale = {name for name, seen in self._leases.items() if self._stale(seen, monotonic)}
            self._touched |= stale ^ self._stale_then
            self._stale_then = stale
        names, self._touched = self._touched, set()
        for name in names:
            yield name, self._worker(name, monotonic)

    def _worker(self, name: str, monotonic: float) -> Worker | None:
        pod, seen = self._pods.get(name), self._leases.get(name)
        if pod is None or seen is None:
            return None
        fresh = not self._stale(seen, monotonic)
        return worker_of(pod, seen.lease, fresh=fresh, held=0, cordoned=pod.node in self._cordoned)

    def living(self, monotonic: float) -> set[str]:
        """Return the processes that live for certain; what is known of others, `holder` says."""
        return {
            seen.lease.worker_id
            for name, seen in self._leases.items()
            if (pod := self._pods.get(name)) is not None and not pod.ended and not self._stale(seen, monotonic)
        }

    def holder(self, worker_name: str, worker_id: str, monotonic: float) -> Holder:
        """Judge the process that holds a job."""
        if not self.synced:
            return Holder.UNKNOWN
        pod = self._pods.get(worker_name)
        if pod is None:
            return Holder.POD_GONE
        if pod.ended:
            return Holder.POD_ENDED
        seen = self._leases.get(worker_name)
        if seen is None or not seen.lease.worker_id:
            return Holder.SILENT if self._past_grace(self._grace_from, monotonic) else Holder.UNKNOWN
        if seen.lease.worker_id != worker_id:
            return Holder.REPLACED
        return Holder.SILENT if self._stale(seen, monotonic) else Holder.LIVE

    def _stale(self, seen: _Seen, monotonic: float) -> bool:
        return self._past_grace(max(seen.changed_at, self._grace_from), monotonic)

    def _past_grace(self, since: float, monotonic: float) -> bool:
        healthy = monotonic - self._heard_at <= WATCH_SILENCE_S
        return healthy and monotonic - since > LEASE_STALE_S


def _is_worker(lease: Json) -> bool:
    labels = lease["metadata"].get("labels") or {}
    return bool(labels.get(COMPONENT_LABEL) == COMPONENT_WORKER)

"""The workers that are there now: what `/models` and `/jobs/{id}/explain` count.

A worker counts while its pod is Ready and not on its way out, it has measured its device, and its Lease is
renewed: seen to change within the stale time, on this process's own clock.
"""

from collections.abc import AsyncIterator
from typing import Final

from picshapes_api.core.catalogue_view import ServingWorker
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Changed, Deleted, Json, Listed
from picshapes_crds.cluster.reflector import Observation
from picshapes_crds.scheduling.demand import Worker, worker_of
from picshapes_crds.workers import LEASE_STALE_S, WorkerLease, WorkerPod, read_lease, read_pod

RECOUNT_S: Final = 1.0


class WorkerIndex:
    """Pods and Leases of workers, by the pod's name."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue, self._clock = catalogue, clock
        self._pods: dict[str, WorkerPod] = {}
        self._renewals: dict[str, tuple[WorkerLease, float]] = {}
        """The Lease last seen, and when its renewal was first seen."""
        self._serving: list[ServingWorker] = []
        self._counted_at = float("-inf")

    async def follow_pods(self, observations: AsyncIterator[Observation]) -> None:
        """Keep the pods current, for ever."""
        async for seen in observations:
            if isinstance(seen, Listed):
                self._pods = {pod.name: pod for pod in map(read_pod, seen.objects)}
            elif isinstance(seen, Changed):
                pod = read_pod(seen.object)
                self._pods[pod.name] = pod
            elif isinstance(seen, Deleted):
                self._pods.pop(seen.object["metadata"]["name"], None)

    async def follow_leases(self, observations: AsyncIterator[Observation]) -> None:
        """Keep the Leases current, for ever."""
        async for seen in observations:
            if isinstance(seen, Listed):
                kept = {lease["metadata"]["name"] for lease in seen.objects}
                self._renewals = {name: seen_at for name, seen_at in self._renewals.items() if name in kept}
                for lease in seen.objects:
                    self._renewed(lease)
            elif isinstance(seen, Changed):
                self._renewed(seen.object)
            elif isinstance(seen, Deleted):
                self._renewals.pop(seen.object["metadata"]["name"], None)

    def serving(self) -> list[ServingWorker]:
        """Return the workers that take jobs now; counted anew at most once a second."""
        now = self._clock.monotonic()
        if now - self._counted_at >= RECOUNT_S:
            self._serving = [worker for pod in self._pods.values() if (worker := self._serves(pod, now))]
            self._counted_at = now
        return self._serving

    def workers(self) -> list[Worker]:
        """Return every worker that has measured its device; what it holds isn't counted here."""
        now = self._clock.monotonic()
        found = (self._worker(pod, now) for pod in self._pods.values())
        return [worker for worker in found if worker]

    def _renewed(self, obj: Json) -> None:
        lease = read_lease(obj)
        known = self._renewals.get(lease.name)
        same = known is not None and known[0].renewed == lease.renewed
        self._renewals[lease.name] = (lease, known[1] if known and same else self._clock.monotonic())

    def _worker(self, pod: WorkerPod, now: float) -> Worker | None:
        renewal = self._renewals.get(pod.name)
        if renewal is None:
            return None
        lease, renewed_at = renewal
        return worker_of(pod, lease, fresh=now - renewed_at < LEASE_STALE_S, held=0)

    def _serves(self, pod: WorkerPod, now: float) -> ServingWorker | None:
        worker = self._worker(pod, now)
        if worker is None or not worker.accepting or worker.profile != self._catalogue.profile:
            return None
        models = {
            model
            for model, revision in worker.weights.items()
            if model in self._catalogue.models and revision == self._catalogue.models[model].weights.revision_id
        }
        return ServingWorker({model: worker.memory_for(model) for model in models})

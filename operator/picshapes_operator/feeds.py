"""What reaches the state past kopf: the first full listing, the resync that finds deletions, and the lease watch.

Leases are renewed every 10 s by every worker; kopf's task and queue for each object would cost a core at 5,000.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import (
    JOBS,
    LEASES,
    PODS,
    Changed,
    Cluster,
    ClusterError,
    Deleted,
    ForbiddenError,
    Heard,
    Json,
    Kind,
    Listed,
    ObjectList,
    Reflector,
    Scope,
)
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.names import WORKER_SELECTOR
from picshapes_operator.state import ClusterState

RESYNC_S: Final = 300.0
RESYNC_GATHER_S: Final = 5.0
"""kopf's listing comes as one event an object: they are gathered into one resync."""

TOLD_WITHIN_S: Final = 10.0
"""A change that a LIST shows and the watch has not told of for this long was missed."""
CHECKED: Final = 3

log = structlog.get_logger(__name__)


class Feeds:
    """Feeds the state with the jobs of all namespaces, and with the pods of the operator's own."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        neighbours: Sequence[str],
        state: ClusterState,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._cluster, self._namespace, self._neighbours = cluster, namespace, neighbours
        self._state, self._clock, self._rng = state, clock, rng
        self.followed: set[str] = set()
        """Namespaces whose jobs are watched now: the operator's own, and those neighbours that may be read."""

    async def prime(self) -> None:
        """Read everything once before the first decision: a place taken by an unseen job must not look free."""
        failures = 0
        while True:
            self.followed = {self._namespace, *self._neighbours}
            try:
                jobs = await self._list_jobs(metadata_only=False)
                pods = await self._list_pods(metadata_only=False)
            except ClusterError as error:
                delay = backoff_s(failures, self._rng)
                failures += 1
                log.warning("prime.retry", error=str(error), delay_s=round(delay, 2))
                await self._clock.sleep(delay)
            else:
                break
        for pod in pods.items:  # first: the workers' memory sizes say in which queues jobs wait
            self._state.observe_pod(pod)
        for job in _objects(jobs.values()):
            self._state.observe_job(job)
        self.followed = set(jobs)
        self._keep_pods(pods)
        self._state.changed.set()
        log.info("primed", jobs=sum(len(found.items) for found in jobs.values()), pods=len(pods.items))

    async def resync(self) -> None:
        """Drop what is gone: after each fresh listing by kopf, and every five minutes, for ever."""
        state = self._state
        while True:
            try:
                async with asyncio.timeout(RESYNC_S):
                    await state.resync_wanted.wait()
            except TimeoutError:
                pass  # five minutes are over
            await self._clock.sleep(RESYNC_GATHER_S)
            state.resync_wanted.clear()
            try:
                jobs = await self._list_jobs(metadata_only=True)
                pods = await self._list_pods(metadata_only=True)
            except ClusterError as error:
                log.warning("resync.retry", error=str(error))
                state.resync_wanted.set()
                continue
            items = list(_objects(jobs.values()))
            versions = {namespace: int(found.resource_version) for namespace, found in jobs.items()}
            state.keep_jobs({job["metadata"]["uid"] for job in items}, versions)
            self._keep_pods(pods)
            state.changed.set()
            await self.check_watches({JOBS: items, PODS: pods.items})

    async def check_watches(self, listed: Mapping[Kind, list[Json]]) -> None:
        """Find out whether a watch of kopf's has silently died: what a LIST shows must be told soon after."""
        behind = {JOBS: self._state.is_behind, PODS: self._state.fleet.is_behind}
        if not any(behind[kind](one["metadata"]) for kind, items in listed.items() for one in items):
            return
        await self._clock.sleep(TOLD_WITHIN_S)
        for kind, items in listed.items():
            for one in [one["metadata"] for one in items if behind[kind](one["metadata"])][:CHECKED]:
                try:
                    await self._cluster.get(kind, one["namespace"], one["name"])
                except ClusterError:
                    continue  # gone meanwhile, or not to be asked now
                self._state.broken = f"the watch of {kind.plural} is dead: it never told of {one['name']}"

    async def _list_jobs(self, *, metadata_only: bool) -> dict[str, ObjectList]:
        """List the jobs of the namespaces that are followed, but for neighbours that may not be read any more."""
        found = {}
        for namespace in sorted(self.followed):
            scope = Scope(namespace)
            try:
                found[namespace] = await self._cluster.list_all(JOBS, scope, metadata_only=metadata_only)
            except ForbiddenError as error:
                if namespace == self._namespace:
                    raise
                log.warning("neighbour.forbidden", namespace=namespace, error=str(error))
        return found

    async def _list_pods(self, *, metadata_only: bool) -> ObjectList:
        scope = Scope(self._namespace, label_selector=WORKER_SELECTOR)
        return await self._cluster.list_all(PODS, scope, metadata_only=metadata_only)

    def _keep_pods(self, pods: ObjectList) -> None:
        self._state.fleet.keep_pods({pod["metadata"]["uid"] for pod in pods.items}, int(pods.resource_version))


def _objects(lists: Iterable[ObjectList]) -> Iterable[Json]:
    return (one for found in lists for one in found.items)


def lease_reflector(cluster: Cluster, namespace: str, clock: Clock, rng: random.Random) -> Reflector:
    """Return the reflector that `follow_leases` reads."""
    return Reflector(cluster, LEASES, Scope(namespace), clock, rng)


async def follow_leases(reflector: Reflector, state: ClusterState, clock: Clock) -> None:
    """Copy leases into the state, for ever."""
    async for seen in reflector.observations():
        match seen:
            case Listed(objects):
                state.fleet.leases_listed(objects, clock.monotonic())
                state.changed.set()
            case Changed(lease):
                if state.fleet.observe_lease(lease, clock.monotonic()):
                    state.changed.set()
            case Deleted(lease):
                state.fleet.forget_lease(lease, clock.monotonic())
                state.changed.set()
            case Heard():
                state.fleet.heard(clock.monotonic())

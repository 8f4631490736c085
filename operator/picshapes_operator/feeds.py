"""What reaches the state past kopf: the lease watch, the first full listing, and the resync that finds deletions.

Leases are renewed every 10 s by every worker; kopf's task and queue for each object would cost a core at 5,000.
"""

import asyncio
import random
from collections.abc import Mapping
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
    Heard,
    Json,
    Kind,
    Listed,
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


async def prime(cluster: Cluster, namespace: str, state: ClusterState, clock: Clock, rng: random.Random) -> None:
    """Read everything once before the first decision: a place taken by an unseen job must not look free."""
    failures = 0
    while True:
        try:
            jobs = await cluster.list_all(JOBS, Scope(namespace))
            pods = await cluster.list_all(PODS, Scope(namespace, label_selector=WORKER_SELECTOR))
        except ClusterError as error:
            delay = backoff_s(failures, rng)
            failures += 1
            log.warning("prime.retry", error=str(error), delay_s=round(delay, 2))
            await clock.sleep(delay)
            continue
        for pod in pods.items:  # first: the workers' memory sizes say in which queues jobs wait
            state.observe_pod(pod)
        for job in jobs.items:
            state.observe_job(job)
        state.fleet.keep_pods({pod["metadata"]["uid"] for pod in pods.items}, int(pods.resource_version))
        state.changed.set()
        log.info("primed", jobs=len(jobs.items), pods=len(pods.items))
        return


async def resync(cluster: Cluster, namespace: str, state: ClusterState, clock: Clock) -> None:
    """Drop what is gone: after each fresh listing by kopf, and every five minutes, for ever."""
    while True:
        try:
            async with asyncio.timeout(RESYNC_S):
                await state.resync_wanted.wait()
        except TimeoutError:
            pass  # five minutes are over
        await clock.sleep(RESYNC_GATHER_S)
        state.resync_wanted.clear()
        try:
            jobs = await cluster.list_all(JOBS, Scope(namespace), metadata_only=True)
            scope = Scope(namespace, label_selector=WORKER_SELECTOR)
            pods = await cluster.list_all(PODS, scope, metadata_only=True)
        except ClusterError as error:
            log.warning("resync.retry", error=str(error))
            state.resync_wanted.set()
            continue
        state.keep_jobs({job["metadata"]["uid"] for job in jobs.items}, int(jobs.resource_version))
        state.fleet.keep_pods({pod["metadata"]["uid"] for pod in pods.items}, int(pods.resource_version))
        state.changed.set()
        await check_watches(cluster, namespace, state, clock, {JOBS: jobs.items, PODS: pods.items})


async def check_watches(
    cluster: Cluster, namespace: str, state: ClusterState, clock: Clock, listed: Mapping[Kind, list[Json]]
) -> None:
    """Find out whether a watch of kopf's has silently died: what a LIST shows must have been told soon after."""
    behind = {JOBS: state.is_behind, PODS: state.fleet.is_behind}
    if not any(behind[kind](one["metadata"]) for kind, items in listed.items() for one in items):
        return
    await clock.sleep(TOLD_WITHIN_S)
    for kind, items in listed.items():
        for one in [one for one in items if behind[kind](one["metadata"])][:CHECKED]:
            try:
                await cluster.get(kind, namespace, one["metadata"]["name"])
            except ClusterError:
                continue  # gone meanwhile, or not to be asked now
            state.broken = f"the watch of {kind.plural} is dead: it never told of {one['metadata']['name']}"

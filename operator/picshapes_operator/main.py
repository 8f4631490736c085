"""Puts the operator together: settings, client, state, kopf, loop, probes; and takes it apart on SIGTERM."""

import asyncio
import logging
import os
import random
import secrets
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

import structlog
import uvloop
from kubernetes.aio.config import ConfigException
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from pydantic_settings import SettingsError

from picshapes_crds import logs
from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import Cluster
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.resource import GenerationJob
from picshapes_operator import nodes
from picshapes_operator.collector import StateCollector
from picshapes_operator.events import Events
from picshapes_operator.feeds import Feeds, follow_leases, lease_reflector
from picshapes_operator.garbage import made_to_stay
from picshapes_operator.handlers import registry_for
from picshapes_operator.idle_pods import IdlePods
from picshapes_operator.loop import Loop
from picshapes_operator.metrics import Metrics
from picshapes_operator.probes import PortTakenError, probes, serve
from picshapes_operator.settings import Settings
from picshapes_operator.state import ClusterState
from picshapes_operator.watching import Watching
from picshapes_operator.writer import Writer

LEASE: Final = "picshapes-operator"
STALLED_S: Final = 30.0
RELEASE_S: Final = 5.0
"""How long an operator that ends tries to give its Lease up; a successor takes it over anyway."""

log = structlog.get_logger(__name__)


async def operate(settings: Settings, catalogue: Catalogue, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set."""
    clock = SystemClock()
    async with await KubeCluster.connect(settings.kubeconfig) as cluster:
        metrics = Metrics(CollectorRegistry())
        identity = settings.identity or f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        leadership = Leadership(cluster, Seat(settings.namespace, LEASE, identity), clock)
        events = Events(cluster, clock, metrics, identity)

        def moved(job: GenerationJob) -> None:
            metrics.ended(job)
            if leadership.held():
                events.tell(job)

        state = ClusterState(catalogue, clock, moved)
        state.waiting.queues.split_at(*(pool.vram_mib for pool in settings.pools if pool.vram_mib))
        metrics.registry.register(StateCollector(state, clock, settings.pools, settings.pool_drain_s))
        writer = Writer(cluster, state, clock, metrics, random.Random())
        loop = Loop(state, writer, leadership, clock, metrics)

        def unhealthy() -> str | None:
            stalled = clock.monotonic() - loop.passed_at
            return state.broken or (
                f"the loop stands still since {stalled:.0f} s" if stalled > STALLED_S else None
            )

        def unready() -> str | None:
            return unhealthy() or (None if state.fleet.synced else "the cluster has not been read yet")

        runner = await serve(
            probes(metrics.registry, healthy=unhealthy, ready=unready), settings.probe_host, settings.probe_port
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = [
                    tasks.create_task(_observe(settings, cluster, state, metrics, stop), name="observe"),
                    tasks.create_task(leadership.run(), name="leadership"),
                    tasks.create_task(loop.run(), name="loop"),
                    tasks.create_task(events.run(), name="events"),
                ]
                if settings.mark_idle:
                    idle = IdlePods(cluster, settings.namespace, state, clock, metrics)
                    parts.append(tasks.create_task(idle.run(leadership.held), name="idle pods"))
                await stop.wait()
                for part in parts:
                    part.cancel()
        finally:
            await writer.close()
            await _release(leadership)
            await runner.cleanup()


async def _release(leadership: Leadership) -> None:
    try:
        async with asyncio.timeout(RELEASE_S):
            await leadership.release()
    except TimeoutError:
        log.info("lease.not_released", lease=LEASE, error=f"no answer within {RELEASE_S:g} s")


async def _observe(
    settings: Settings, cluster: Cluster, state: ClusterState, metrics: Metrics, stop: asyncio.Event
) -> None:
    namespace, clock, rng = settings.namespace, SystemClock(), random.Random()
    watching = Watching(cluster, clock, rng, lambda: _stop_on_signals(stop))
    await watching.readable(namespace)
    feeds = Feeds(cluster, namespace, settings.neighbours, state, clock, rng)
    with made_to_stay():
        await feeds.prime()
    async with asyncio.TaskGroup() as tasks:
        reflector = lease_reflector(cluster, namespace, clock, rng)
        metrics.watch_restarts.set_function(lambda: reflector.restarts)
        tasks.create_task(follow_leases(reflector, state, clock), name="leases")
        tasks.create_task(feeds.resync(), name="resync")
        if settings.watch_nodes:
            tasks.create_task(nodes.follow_nodes(cluster, state, clock, rng), name="nodes")
        tasks.create_task(watching.follow(registry_for(state, pods=True), namespace), name="kopf")
        for one in settings.neighbours:
            registry, readable = registry_for(state, pods=False), metrics.readable.labels(one)
            follow = watching.follow_neighbour(registry, one, state, feeds, readable)
            tasks.create_task(follow, name=f"kopf in {one}")


def _stop_on_signals(stop: asyncio.Event) -> None:
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)


async def _main(settings: Settings, catalogue: Catalogue) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    await operate(settings, catalogue, stop)


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable at fault, and the place in its JSON."""
    return ".".join([f"PICSHAPES_{location[0]}".upper(), *map(str, location[1:])])


def main() -> int:
    """Run the operator; returns the exit status: 2 when the settings are wrong."""
    try:
        settings = Settings()
        catalogue = Catalogue.load(settings.catalogue)
        if settings.kubeconfig:
            os.environ["KUBECONFIG"] = str(settings.kubeconfig)  # kopf reads it there
        logs.configure("operator", form=settings.log_format, level=settings.log_level)
        logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # a line an event otherwise
        with suppress(asyncio.CancelledError):
            uvloop.run(_main(settings, catalogue))
    except ValidationError as error:
        faults = "; ".join(f"{_variable(one['loc'])}: {one['msg']}" for one in error.errors())
        sys.stderr.write(f"picshapes operator: wrong settings: {faults}\n")
        return 2
    except (SettingsError, InvalidCatalogueError, ConfigException, PortTakenError) as error:
        sys.stderr.write(f"picshapes operator: {error}\n")
        return 2
    return 0

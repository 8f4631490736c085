"""The life of a worker: start, work, drain, end; on whatever machine."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import structlog

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.assignment import Assignment
from picshapes_worker.background import background
from picshapes_worker.context import WorkerContext
from picshapes_worker.device import Device
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.machine import LeaseHolder, Machine
from picshapes_worker.memory_limits import MemoryLimits
from picshapes_worker.metrics import Metrics
from picshapes_worker.patience import Patience
from picshapes_worker.preparing import Preparing
from picshapes_worker.settings import Settings
from picshapes_worker.startup import label_pod, own_pod, pod_labels, serveable, warm_up
from picshapes_worker.store import PictureStore
from picshapes_worker.store_trial import StoreTrial
from picshapes_worker.watching import Watching
from picshapes_worker.work import Work

API_PATIENCE_S: Final = 300.0
"""How long a worker waits at start for an API server that doesn't answer."""
ABANDON_S: Final = 10.0
"""How long a job that is stopped at the end of the grace may take to stop."""
LEASE_END_S: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Started:
    """What runs once a worker has started."""

    work: Work
    watching: asyncio.Task[None]
    lease: LeaseHolder


class Worker:
    """One worker process, from its settings on, on whatever machine."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, models: list[str], machine: Machine, metrics: Metrics
    ) -> None:
        self._settings, self._catalogue, self._models = settings, catalogue, models
        self._machine, self._metrics = machine, metrics

    async def start(self, store: PictureStore, stack: AsyncExitStack) -> Started | None:
        """Do all that must be done before the first claim; register on `stack` what is to be undone.

        None when the pod is being deleted already: what was to tell this process, before it could hear, is lost.
        """
        settings, machine, vitals = self._settings, self._machine, self._machine.vitals
        cluster = await stack.enter_async_context(await machine.connect())
        patience = Patience(API_PATIENCE_S, machine.clock, machine.rng)
        pod = await own_pod(cluster, settings.namespace, settings.pod_name, patience)
        if pod.terminating:
            log.info("worker.pod_ends", pod=pod.name)
            return None
        lease = machine.hold_lease(pod)

        def models_loaded(models: frozenset[str]) -> None:
            lease.models_loaded(models)
            self._metrics.show_loaded(self._models, models)

        # First, so that an earlier process's jobs need not wait until this one has loaded its models.
        self._metrics.lease_renewals.set_function(lambda: lease.renewals)
        self._metrics.ready.set_function(vitals.ready)
        preparing = Preparing(vitals, self._metrics, lease.loading)
        lease.start()
        stack.push_async_callback(lease.stop, LEASE_END_S)
        trial = StoreTrial(store, settings.pod_name, machine.clock, machine.rng)
        loading = background(stack, self._load(stack, preparing))
        both = asyncio.gather(loading, background(stack, trial.run(preparing)))
        first: set[asyncio.Future[Any]] = {both, lease.ended}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if lease.ended.done():
            await lease.ended
        await both
        host, device = loading.result()

        context = WorkerContext(
            cluster=cluster,
            namespace=settings.namespace,
            store=store,
            host=host,
            catalogue=self._catalogue,
            clock=machine.clock,
            rng=machine.rng,
            metrics=self._metrics,
            models_loaded=models_loaded,
            memory=MemoryLimits(lease.memory_limits),
            device=device.name,
            public_url=settings.public_url,
        )
        work, watching = await self._watch(context, stack)

        models_loaded(host.loaded())
        await asyncio.wait({lease.taken, lease.ended}, return_when=asyncio.FIRST_COMPLETED)
        if lease.ended.done():
            await lease.ended
        vitals.leased = True
        labels = pod_labels(pod, device.memory_mib, self._models, self._catalogue)
        await label_pod(cluster, pod, labels, patience)
        vitals.labelled = True
        log.info("worker.ready", worker_id=machine.worker_id, memory_mib=device.memory_mib, models=self._models)
        return Started(work, watching, lease)

    async def _load(self, stack: AsyncExitStack, preparing: Preparing) -> tuple[EngineHost, Device]:
        """Open the engine and load what it is to serve."""
        settings = self._settings
        host, device = await self._machine.open_engine(stack, preparing)
        self._metrics.device_memory_mib.set(device.memory_mib)
        self._models = serveable(self._models, self._catalogue, device.memory_mib, named=bool(settings.models))
        self._metrics.serves(self._models)
        await warm_up(host, self._models, self._catalogue, device, preparing)
        return host, device

    async def serve(self, started: Started, stopping: asyncio.Task[bool]) -> None:
        """Work until told to stop, then drain."""
        working = asyncio.create_task(started.work.run())
        broken = asyncio.create_task(started.work.broken.wait())
        ends: set[asyncio.Future[None]] = {working, started.watching, started.lease.ended}
        try:
            first: set[asyncio.Future[Any]] = {*ends, stopping, broken}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            self._machine.vitals.draining = True
            started.work.drain()
            log.info("worker.draining", grace_s=self._settings.grace_s)
            await asyncio.wait(ends, timeout=self._settings.grace_s, return_when=asyncio.FIRST_COMPLETED)
            if not any(end.done() for end in ends):
                log.warning("worker.grace_over")
                started.work.abandon()
                await asyncio.wait(ends, timeout=ABANDON_S, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    await end  # raises what ended it
        finally:
            for task in (working, broken):
                task.cancel()
            await asyncio.gather(working, broken, return_exceptions=True)

    async def _watch(self, context: WorkerContext, stack: AsyncExitStack) -> tuple[Work, asyncio.Task[None]]:
        """Begin to follow the claims; return once those in the own namespace were listed."""
        settings = self._settings
        assignment = Assignment(self._machine.worker_id)
        work = Work(assignment, context)
        watching = Watching(assignment, work, context, settings.pod_name, settings.neighbours)
        self._machine.vitals.watch_silent_s = watching.silent_s
        self._metrics.watch_restarts.set_function(watching.restarts)
        following = background(stack, watching.run())
        await watching.listed.wait()
        return work, following

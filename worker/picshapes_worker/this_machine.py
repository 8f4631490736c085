"""The machine that this process runs on: its clock, its device, its engine, and the ways to the API server."""

import random
import secrets
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.workers import WorkerPod
from picshapes_worker.background import background
from picshapes_worker.call_thread import CallThread
from picshapes_worker.device import Device, measure
from picshapes_worker.engine_host import EngineHost, InlineHost, ThreadedHost
from picshapes_worker.engines import make_diffusers, make_null
from picshapes_worker.hub import Hub
from picshapes_worker.lease import Holder, LeaseKeeper
from picshapes_worker.lease_thread import LeaseThread
from picshapes_worker.machine import Machine
from picshapes_worker.preparing import Preparing
from picshapes_worker.settings import Settings
from picshapes_worker.startup import find_weights, serveable
from picshapes_worker.vitals import Vitals
from picshapes_worker.watchdog import watch_engine
from picshapes_worker.weights import at_hand, weights_root

log = structlog.get_logger(__name__)


def this_machine(settings: Settings, catalogue: Catalogue, models: list[str], vitals: Vitals) -> Machine:
    """Return what a worker with these settings takes from here."""
    clock, worker_id = SystemClock(), secrets.token_hex(16)

    def connect() -> Awaitable[KubeCluster]:
        return KubeCluster.connect(settings.kubeconfig)

    async def open_engine(stack: AsyncExitStack, preparing: Preparing) -> tuple[EngineHost, Device]:
        device = measure(settings.device)
        log.info("device.measured", device=device.name, kind=device.kind, memory_mib=device.memory_mib)
        if settings.precision == "fp8":
            device = replace(device, name=f"{device.name}, fp8")  # the same seed gives another picture then
        if settings.vram_mib:
            device = replace(device, memory_mib=settings.vram_mib)
        null = settings.engine == "null"
        if null and not settings.null_step_s:
            return InlineHost(make_null(0)), device
        thread = CallThread("engine")
        stack.callback(thread.close)
        background(stack, watch_engine(vitals, clock, thread.ident, thread.give_up))
        if null:
            return ThreadedHost(make_null(settings.null_step_s), thread, vitals), device
        fitting = serveable(models, catalogue, device.memory_mib, named=bool(settings.models))
        find_weights(fitting, catalogue)
        root, float8 = weights_root(settings.weights_dir), settings.precision == "fp8"
        # In the engine's thread, which nobody waits for when the process is told to end.
        here = await thread.call(lambda: at_hand(fitting, catalogue.models, root, Hub(), preparing.arrived))
        engine = await thread.call(lambda: make_diffusers(here, device, compiles=settings.compile, float8=float8))
        return ThreadedHost(engine, thread, vitals), device

    def hold_lease(pod: WorkerPod) -> LeaseThread:
        holder = Holder(pod, worker_id, settings.neighbours)
        return LeaseThread(connect, lambda cluster: LeaseKeeper(cluster, holder, clock, random.Random()), vitals)

    return Machine(
        clock=clock,
        rng=random.Random(),
        worker_id=worker_id,
        vitals=vitals,
        connect=connect,
        open_engine=open_engine,
        hold_lease=hold_lease,
    )

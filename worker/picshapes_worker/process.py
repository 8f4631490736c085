"""One worker in one process: its signals, its probes, and the beat of its event loop.

SIGTERM and SIGINT drain: no new work, waiting claims go back, the running job ends within the grace, the Lease
names no holder any more, exit code 0.
"""

import asyncio
import signal
from contextlib import AsyncExitStack

import structlog
from prometheus_client import CollectorRegistry

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_worker.background import background
from picshapes_worker.lifecycle import Worker
from picshapes_worker.metrics import Metrics
from picshapes_worker.probes import ProbeServer
from picshapes_worker.settings import Settings
from picshapes_worker.startup import StartupError
from picshapes_worker.store import PictureStore
from picshapes_worker.this_machine import this_machine
from picshapes_worker.vitals import LOOP_BEAT_S, Budgets, Vitals
from picshapes_worker.watchdog import call_off_the_end, put_off_the_end

log = structlog.get_logger(__name__)


async def run_worker(settings: Settings, catalogue: Catalogue, models: list[str], store: PictureStore) -> None:
    """Run one worker until it is told to stop.

    Raises `StartupError`, `EngineError`, `ClusterError` at start, `LeaseLostError` at any time, and
    `ConfigException` when no API server is configured.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    vitals = Vitals(SystemClock(), Budgets(load_s=settings.load_budget_s, step_s=settings.step_budget_s))
    registry = CollectorRegistry()
    async with AsyncExitStack() as stack:
        address = settings.probe_host, settings.probe_port
        try:
            probes = stack.enter_context(ProbeServer(address, vitals, registry))
        except OSError as error:
            raise StartupError(f"can't listen at {address[0]}:{address[1]}: {error.strerror}") from error
        log.info("worker.starting", pod=settings.pod_name, engine=settings.engine, probe_port=probes.port)
        background(stack, _beat(vitals))
        stopping = background(stack, stop.wait())
        metrics = Metrics(registry)
        machine = this_machine(settings, catalogue, models, vitals)
        worker = Worker(settings, catalogue, models, machine, metrics)
        starting = background(stack, worker.start(store, stack))
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and (started := await starting) is not None:
            await worker.serve(started, stopping)
    log.info("worker.ended")


async def _beat(vitals: Vitals) -> None:
    """Show that the event loop runs, for ever."""
    try:
        while True:
            vitals.loop_beat()
            put_off_the_end()
            await asyncio.sleep(LOOP_BEAT_S)
    finally:
        call_off_the_end()

"""A worker process in a simulation: the worker's own life, with an engine that only takes time and no thread."""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.device import Device
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.lease import Holder, LeaseKeeper
from picshapes_worker.lifecycle import Worker
from picshapes_worker.machine import Machine
from picshapes_worker.metrics import Metrics
from picshapes_worker.preparing import Preparing
from picshapes_worker.settings import Settings
from picshapes_worker.vitals import Budgets, Vitals

from .client import NetworkCluster
from .clocks import SkewedClock
from .engine import SimulatedHost
from .network import Network
from .store import SimulatedStore


class WorkerPart:
    """One worker process."""

    def __init__(
        self, settings: Settings, cluster: NetworkCluster, clock: SkewedClock, rng: random.Random
    ) -> None:
        self._settings, self._cluster, self._clock, self._rng = settings, cluster, clock, rng
        self.vitals = Vitals(clock, Budgets(load_s=settings.load_budget_s, step_s=settings.step_budget_s))
        self.worker_id = f"{rng.getrandbits(128):032x}"
        self.stop = asyncio.Event()

    async def live(
        self, net: Network, catalogue: Catalogue, store: SimulatedStore, violated: Callable[[str], None]
    ) -> None:
        """Run until told to stop or until something ends it."""
        vitals, models, further = self.vitals, list(self._settings.models), self._settings.neighbours

        async def open_engine(_: AsyncExitStack, __: Preparing) -> tuple[EngineHost, Device]:
            host = SimulatedHost(vitals, net.faults, self._rng, violated)
            return host, Device("cpu", "simulated", self._settings.vram_mib or 0)

        async def connect() -> NetworkCluster:
            return self._cluster

        machine = Machine(
            clock=self._clock,
            rng=self._rng,
            worker_id=self.worker_id,
            vitals=vitals,
            connect=connect,
            open_engine=open_engine,
            hold_lease=lambda pod: LeaseTask(self._cluster, Holder(pod, self.worker_id, further), machine),
        )
        async with AsyncExitStack() as stack:
            stopping = asyncio.create_task(self.stop.wait())
            worker = Worker(self._settings, catalogue, models, machine, Metrics(CollectorRegistry()))
            starting = asyncio.create_task(worker.start(store, stack))
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and (started := await starting) is not None:
                await worker.serve(started, stopping)


class LeaseTask:
    """Holds the Lease in a task of the worker's own loop: in simulated time nothing delays it."""

    def __init__(self, cluster: NetworkCluster, holder: Holder, machine: Machine) -> None:
        self._keeper = LeaseKeeper(cluster, holder, machine.clock, machine.rng)
        self._vitals = machine.vitals
        self.renewals = 0
        loop = asyncio.get_running_loop()
        self.taken: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def start(self) -> None:
        """Take the Lease, then renew it until `stop`."""
        self._task = asyncio.create_task(self._hold())

    def models_loaded(self, models: frozenset[str]) -> None:
        """Let the Lease say which models are loaded."""
        self._keeper.models_loaded(models)

    def memory_limits(self, limits_mib: Mapping[str, int]) -> None:
        """Let the Lease say for what the memory suffices."""
        self._keeper.memory_limits(limits_mib)

    def loading(self, said: str) -> None:
        """Let the Lease say what is still done before the worker is Ready."""
        self._keeper.loading(said)

    async def stop(self, within_s: float) -> None:
        """Give the Lease up."""
        if not self.ended.done():
            self._keeper.end()
            await asyncio.wait({self.ended}, timeout=within_s)

    async def _hold(self) -> None:
        try:
            await self._keeper.hold(self._vitals.may_renew, self._renewed)
        except Exception as error:  # noqa: BLE001 - as in the thread, whatever ended it is told
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    def _renewed(self) -> None:
        self.renewals += 1
        if not self.taken.done():
            self.taken.set_result(None)

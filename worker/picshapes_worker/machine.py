"""What a worker process takes from the machine that it runs on, passed in as one value: so it can run on any."""

import random
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Cluster
from picshapes_crds.workers import WorkerPod
from picshapes_worker.device import Device
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.preparing import Preparing
from picshapes_worker.vitals import Vitals

Connect = Callable[[], Awaitable[AbstractAsyncContextManager[Cluster]]]


class LeaseHolder(Protocol):
    """Holds the worker's Lease beside the main event loop; `lease_thread` is the real one."""

    renewals: int
    taken: Future[None]
    """Done when the Lease names this process."""
    ended: Future[None]
    """Done when it is held no more: with an error when it was lost or could not be taken."""

    def start(self) -> None:
        """Take the Lease, then renew it until `stop`."""

    def models_loaded(self, models: frozenset[str]) -> None:
        """Let the Lease say which models are in device memory."""

    def memory_limits(self, limits_mib: Mapping[str, int]) -> None:
        """Let the Lease say for which needs, in MiB, of which models the memory suffices."""

    def loading(self, said: str) -> None:
        """Let the Lease say what is still done before the worker is Ready; empty when it is. From any thread."""

    async def stop(self, within_s: float) -> None:
        """Give the Lease up, if that takes no longer than this."""


@dataclass(frozen=True)
class Machine:
    """Time, chance, and the ways out of the process."""

    clock: Clock
    rng: random.Random
    worker_id: str
    """Random at each start of the process."""
    vitals: Vitals
    connect: Connect
    """Opens a connection to the API server."""
    open_engine: Callable[[AsyncExitStack, Preparing], Awaitable[tuple[EngineHost, Device]]]
    """Measures the device, brings the weights, and makes the engine; tells how far it is."""
    hold_lease: Callable[[WorkerPod], LeaseHolder]

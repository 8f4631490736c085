"""Processes that run parts of PicShapes, as whoever keeps them running sees them: start, death, start again."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_crds.cluster import ClusterError
from picshapes_worker.engine import EngineError
from picshapes_worker.lease import LeaseLostError
from picshapes_worker.startup import StartupError

from .client import NetworkCluster
from .clocks import SkewedClock
from .loop import Process, SimulatedLoop
from .network import Network

Part = TypeVar("Part")
T = TypeVar("T")

EXPECTED: Final = (ClusterError, EngineError, LeaseLostError, StartupError, DatabaseUnavailableError)
"""What may end a process at its start or, of a worker, at any time: it is started again."""


@dataclass
class Running(Generic[Part]):
    """One process and the part that it runs."""

    process: Process
    client: NetworkCluster
    clock: SkewedClock
    part: Part
    started_s: float
    died: asyncio.Event = field(default_factory=asyncio.Event)


class Machines:
    """Starts processes, each with a clock of its own."""

    def __init__(self, net: Network, rng: random.Random, violated: Callable[[str], None]) -> None:
        self.net, self.loop, self._rng, self._violated = net, net.loop, rng, violated
        self._skew_s = rng.choice((0.0, 2.0, 2.0, 30.0))
        self._numbers: dict[str, int] = {}
        self._started: list[Process] = []

    def prepare(self, kind: str) -> tuple[Process, NetworkCluster, SkewedClock, random.Random]:
        """Return what a new process of a kind has before it runs anything."""
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        process = Process(f"{kind}.{number}")
        skew_s = self._rng.uniform(-self._skew_s, self._skew_s)
        clock = SkewedClock(self.loop, skew_s, self._rng.uniform(10, 1e6))
        return process, NetworkCluster(self.net, process), clock, random.Random(self._rng.getrandbits(64))

    def run(self, running: Running[Any], life: Coroutine[Any, Any, None]) -> None:
        """Let a process run its part until that ends, or it is killed."""
        process = running.process
        self._started.append(process)
        self.net.trace.note(process.name, "starts")
        process.at_death.append(running.died.set)
        task = self.loop.spawn(process, life, "main")
        task.add_done_callback(lambda _: self._ended(process, task))

    def kill_all(self) -> None:
        """End every process there ever was."""
        for process in self._started:
            self.loop.kill(process)

    def _ended(self, process: Process, task: "asyncio.Task[None]") -> None:
        if not process.alive:
            return
        error = None if task.cancelled() else task.exception()
        self.net.trace.note(process.name, f"ends: {error!r}" if error else "ends")
        if error is not None and not isinstance(error, EXPECTED):
            self._violated(f"{process.name} ended by {_innermost(error)!r}")
        self.loop.kill(process)


async def within(loop: SimulatedLoop, running: Running[Any], work: Coroutine[Any, Any, T]) -> T | None:
    """Have a process do something and wait for it; None when the process dies first. Raises what the work does."""
    if not running.process.alive:
        work.close()
        return None
    task = loop.spawn(running.process, work, "request")
    answered = asyncio.Event()
    task.add_done_callback(lambda _: answered.set())
    waits = [asyncio.ensure_future(answered.wait()), asyncio.ensure_future(running.died.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if not task.done() or task.cancelled() or not running.process.alive:
        return None
    return task.result()


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

"""What all clients of the API server share in a simulation: latency, faults, and processes doomed at an effect."""

import asyncio
import random
from typing import Final

from .api_server import ApiServer
from .faults import Fault, Faults
from .loop import Process, SimulatedLoop
from .trace import Trace

LATENCY_S: Final = (0.001, 0.02)
SLOW_S: Final = (0.2, 40.0)


class Network:
    """What all clients share."""

    def __init__(
        self, loop: SimulatedLoop, server: ApiServer, faults: Faults, rng: random.Random, trace: Trace
    ) -> None:
        self.loop, self.server, self.faults, self.rng, self.trace = loop, server, faults, rng, trace
        self.writer: Process | None = None
        """Whose request the server carries out right now."""
        self.denied: set[str] = set()
        """Namespaces in which workers may do nothing now."""
        self.unanswered: set[str] = set()
        """Keys of pictures whose job's end was written without an answer, or refused when the job was gone: nobody
        can know whether the picture was accepted before, and it is left to a sweep."""
        self._doomed: dict[Process, tuple[int, str]] = {}

    def latency_s(self) -> float:
        """Draw how long one way takes."""
        if self.faults.draw(Fault.CALL_SLOW, 0.01):
            return self.rng.uniform(*SLOW_S) * self.rng.random()
        return self.rng.uniform(*LATENCY_S)

    def doom(self, process: Process, effects: int, stage: str) -> None:
        """Have a process killed at an effect of its own: `before` it, when it has `landed`, or when `answered`."""
        self._doomed[process] = (effects, stage)

    def spare(self) -> None:
        """Let all that were doomed live."""
        self._doomed.clear()

    def fate(self, process: Process) -> str:
        """Count one effect of a process; return at which stage of it the process is to be killed, or nothing."""
        if process not in self._doomed:
            return ""
        left, stage = self._doomed[process]
        if left > 0:
            self._doomed[process] = (left - 1, stage)
            return ""
        del self._doomed[process]
        return stage

    async def breathing(self, process: Process) -> None:
        """Let nothing that a dead process still unwinds reach anybody."""
        if not process.alive:
            raise asyncio.CancelledError

    async def doomed(self, process: Process, stage: str) -> None:
        """Pass a stage of an effect that isn't a request; never returns to a process whose time has come."""
        await self.breathing(process)
        if self._doomed.get(process, (1, ""))[1] == stage and self.fate(process):
            self.loop.kill(process)
            await asyncio.Event().wait()

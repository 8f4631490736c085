"""One watch of the API server on its way to a client: delayed, repeated, broken, silent."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from picshapes_crds.cluster import Event, Kind, UnavailableError
from picshapes_crds.cluster.kube import WATCH_LIFE_S

from .api_server import Change
from .faults import Fault
from .network import LATENCY_S, Network
from .selectors import Selects

BOOKMARK_S: Final = 60.0


class Stream:
    """What the server tells one watch; made where the watch begins."""

    def __init__(
        self, net: Network, cut_off: Callable[[], bool], kind: Kind, selects: Selects, position: int
    ) -> None:
        self._net, self._cut_off, self._kind, self._position = net, cut_off, kind, position
        self._selects = selects
        self._arrived: deque[Event | Exception] = deque()
        self._came = asyncio.Event()
        self._silent = self._under_way = False
        self._ends_at = net.loop.time() + WATCH_LIFE_S * net.rng.uniform(0.2, 1.0)
        net.server.observers.append(self._noticed)
        self._set_off()

    def close(self) -> None:
        """Let the server tell it nothing more."""
        self._net.server.observers.remove(self._noticed)

    async def events(self, silence_s: float) -> AsyncIterator[Event]:
        """Yield what arrives until the server ends the watch, or was silent for too long."""
        bookmark_s = BOOKMARK_S * self._net.rng.uniform(0.5, 1.0)
        heard_at = self._net.loop.time()
        while True:
            if not self._arrived:
                try:
                    async with asyncio.timeout(bookmark_s):
                        await self._came.wait()
                except TimeoutError:
                    self._set_off(bookmark=True)
                    if self._net.loop.time() - heard_at >= silence_s:
                        raise UnavailableError(f"the watch of {self._kind.plural} is silent") from None
                    continue
            heard_at = self._net.loop.time()
            arrived = self._arrived.popleft()
            if not self._arrived:
                self._came.clear()
            if isinstance(arrived, Exception):
                raise arrived
            yield arrived
            if heard_at >= self._ends_at:
                return

    def _noticed(self, change: Change) -> None:
        if change.kind == self._kind:
            self._set_off()

    def _set_off(self, *, bookmark: bool = False) -> None:
        """Send what there is to tell; what happens meanwhile goes with it."""
        if self._under_way or self._silent:
            return
        net = self._net
        delay_s = net.rng.uniform(*LATENCY_S)
        if net.faults.draw(Fault.WATCH_SLOW, 0.005):
            delay_s = net.rng.uniform(0.1, 15.0)
        self._silent = net.faults.draw(Fault.WATCH_SILENT, 0.0005)
        self._under_way = True
        net.loop.in_world(delay_s, lambda: self._arrive(bookmark=bookmark))

    def _arrive(self, *, bookmark: bool) -> None:
        self._under_way = False
        if self._silent or self._cut_off():
            self._silent = True  # a connection that was cut tells nothing more, even once the way is free again
            return
        net = self._net
        if net.faults.draw(Fault.WATCH_BROKEN, 0.002):
            self._silent = True
            self._arrived.append(UnavailableError(f"the watch of {self._kind.plural} broke"))
            self._came.set()
            return
        told, self._position = net.server.events(self._kind, self._selects, self._position)
        for event in told:
            self._arrived.append(event)
            if net.faults.draw(Fault.WATCH_REPEATED, 0.01):
                self._arrived.append(event)
        if bookmark and not told:
            self._arrived.append(Event("BOOKMARK", {"metadata": {"resourceVersion": str(net.server.revision)}}))
        if self._arrived:
            self._came.set()

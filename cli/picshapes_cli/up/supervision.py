"""Keeps one part running: starts it, tells when its readiness changes, starts it again when it ends.

As a kubelet does: a part that ended is started again after 1, 2, 4 … 30 s, at once after a long life. A part that
ends before it was ever ready is a fault of the installation, and ends `picshapes up` with the tail of its log.
"""

import asyncio
from typing import Final, Protocol

import httpx
import structlog

from picshapes_cli.processes import Child, Children
from picshapes_cli.up.parts import Part
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import ClusterError

FIRST_READY_S: Final = 180.0
POLL_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
LONG_LIFE_S: Final = 30.0

log = structlog.get_logger(__name__)


class OnReady(Protocol):
    """Is told each change of a part's readiness."""

    async def __call__(self, *, ready: bool) -> None:
        """Make it known."""


async def _nothing(*, ready: bool) -> None:
    """Ignore it."""


class Supervised:
    """One part under supervision."""

    def __init__(
        self, children: Children, part: Part, client: httpx.AsyncClient, clock: Clock, on_ready: OnReady = _nothing
    ) -> None:
        self._children, self._part, self._client, self._clock = children, part, client, clock
        self._on_ready = on_ready
        self.first_ready = asyncio.Event()

    async def run(self) -> None:
        """Keep the part running, for ever. Raises `ChildError` when it can't be started a first time."""
        pause_s = 1.0
        while True:
            began = self._clock.monotonic()
            child = await self._children.start(self._part.spec)
            if not self.first_ready.is_set():
                await child.wait_ready(self._part.ready_url, client=self._client, timeout_s=FIRST_READY_S)
                self.first_ready.set()
            await self._follow(child)
            await self._tell(ready=False)
            lived_s = self._clock.monotonic() - began
            pause_s = 1.0 if lived_s > LONG_LIFE_S else min(LONGEST_PAUSE_S, pause_s * 2)
            log.warning("part.ended", part=child.name, status=child.returncode, restart_in_s=pause_s)
            await self._clock.sleep(pause_s)

    async def _follow(self, child: Child) -> None:
        """Tell each change of readiness until the child ends."""
        ended = asyncio.ensure_future(child.wait())
        told: bool | None = None
        while not ended.done():
            ready = await self._is_ready()
            if ready != told and await self._tell(ready=ready):
                told = ready
            await asyncio.wait({ended}, timeout=POLL_S)

    async def _tell(self, *, ready: bool) -> bool:
        """Return whether it could be told; if not, the next look tries again."""
        try:
            await self._on_ready(ready=ready)
        except ClusterError as error:
            log.warning("readiness.not_told", part=self._part.spec.name, error=str(error))
            return False
        return True

    async def _is_ready(self) -> bool:
        try:
            return (await self._client.get(self._part.ready_url, timeout=5.0)).is_success
        except httpx.TransportError:
            return False

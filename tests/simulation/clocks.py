"""What time it is, as one process sees it: its wall clock may be wrong and may jump, its monotonic one never."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class SkewedClock:
    """The clock of one machine."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wall_s: float, booted_s: float) -> None:
        """`wall_s` is how far the wall clock is ahead; `booted_s` how long the machine ran before."""
        self._loop, self.wall_s, self._booted_s = loop, wall_s, booted_s

    def now(self) -> datetime:
        """Return what the wall clock shows."""
        return START + timedelta(seconds=self._loop.time() + self.wall_s)

    def monotonic(self) -> float:
        """Return seconds since the machine was started."""
        return self._loop.time() + self._booted_s

    async def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        await asyncio.sleep(seconds)

"""Calls to the API server that are made again while it does not answer, for a bounded time."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import ConflictError, UnavailableError
from picshapes_crds.cluster.reflector import backoff_s

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """For how long, and by which clock and chance, calls are made again."""

    seconds: float
    clock: Clock
    rng: random.Random

    async def call(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to a request that may safely be made twice.

        Raises what the API server says, and `UnavailableError` when it stays away for longer than this.
        """
        until = self.clock.monotonic() + self.seconds
        failures = 0
        while True:
            try:
                return await request()
            except (UnavailableError, ConflictError) as error:
                delay_s = backoff_s(failures, self.rng)
                failures += 1
                if self.clock.monotonic() + delay_s >= until:
                    raise
                log.warning("call.retry", error=str(error), delay_s=round(delay_s, 2))
            await self.clock.sleep(delay_s)

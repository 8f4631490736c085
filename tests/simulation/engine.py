"""A worker's engine in a simulation: takes time, fails at times, and notices if two jobs ever run at once."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from picshapes_crds.resource import OutputFormat
from picshapes_worker.engine import (
    DeviceOutOfMemoryError,
    EngineError,
    ModelUnavailableError,
    OnStep,
    Picture,
    Request,
)
from picshapes_worker.engines.null import GreyPixel
from picshapes_worker.vitals import Vitals

from .faults import Fault, Faults

FAILURES: Final = (
    DeviceOutOfMemoryError("out of memory"),
    ModelUnavailableError("the weights are gone"),
    EngineError("the kernel crashed"),
)


class SimulatedHost:
    """The engine as the worker's event loop sees it."""

    def __init__(
        self, vitals: Vitals, faults: Faults, rng: random.Random, violated: Callable[[str], None]
    ) -> None:
        self._vitals, self._faults, self._rng, self._violated = vitals, faults, rng, violated
        self._loaded: frozenset[str] = frozenset()
        self._running = 0
        self._step_s = rng.choice((0.01, 0.1, 0.5, 2.0))

    async def load(self, model: str) -> None:
        """Bring a model into device memory."""
        if model in self._loaded:
            return
        with self._vitals.engine_loading():
            await asyncio.sleep(self._rng.uniform(0.1, 8.0))
        self._loaded = self._loaded | {model} if self._rng.random() < 0.5 else frozenset({model})

    async def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture."""
        self._running += 1
        if self._running > 1:
            self._violated("two jobs run on one worker at once")
        try:
            with self._vitals.engine_generating():
                on_step(0)
                for done in range(1, request.steps + 1):
                    await asyncio.sleep(self._step_s * self._rng.uniform(0.5, 1.5))
                    if self._faults.draw(Fault.ENGINE_FAILED, 0.02):
                        raise self._rng.choice(FAILURES)
                    self._vitals.engine_stepped()
                    on_step(done)
            return GreyPixel()
        finally:
            self._running -= 1

    async def free(self, *, keep: str) -> None:
        """Give back memory."""
        self._loaded = self._loaded & {keep}

    async def encode(self, picture: Picture, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Encode a picture."""
        await asyncio.sleep(self._rng.uniform(0.01, 0.3))
        return picture.encode(output_format, metadata)

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return self._loaded

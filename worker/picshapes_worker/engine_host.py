"""Lets the event loop use a synchronous engine: in a thread of its own, or inline when it is instant."""

import asyncio
from typing import Protocol

from picshapes_crds.resource import OutputFormat
from picshapes_worker.call_thread import CallThread
from picshapes_worker.engine import Engine, OnStep, Picture, Request
from picshapes_worker.vitals import Vitals


class EngineHost(Protocol):
    """The engine as the event loop sees it. One call at a time; errors are the engine's."""

    async def load(self, model: str) -> None:
        """Bring a model into device memory."""

    async def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture; `on_step` is called in the engine's thread."""

    async def free(self, *, keep: str) -> None:
        """Give back all device memory but this model's weights."""

    async def encode(self, picture: Picture, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Encode a picture, beside whatever else the engine does."""

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""


class InlineHost:
    """For an engine whose calls take no time: a thread would cost more than the call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def load(self, model: str) -> None:
        """Bring a model into device memory."""
        self._engine.load(model)

    async def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture."""
        return self._engine.generate(request, on_step)

    async def free(self, *, keep: str) -> None:
        """Give back all device memory but this model's weights."""
        self._engine.free(keep=keep)

    async def encode(self, picture: Picture, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Encode a picture."""
        return picture.encode(output_format, metadata)

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return self._engine.loaded()


class ThreadedHost:
    """For an engine that computes: its calls run in one thread, and `vitals` knows how long they take."""

    def __init__(self, engine: Engine, thread: CallThread, vitals: Vitals) -> None:
        self._engine, self._thread, self._vitals = engine, thread, vitals
        self._at_work = asyncio.Event()
        """Cleared while a generation has been handed to the thread and not been begun there."""
        self._at_work.set()

    async def load(self, model: str) -> None:
        """Bring a model into device memory."""
        if model in self._engine.loaded():
            self._engine.load(model)  # says only that it is in use: a way to the thread and back would cost more
            return

        def load() -> None:
            with self._vitals.engine_loading():
                self._engine.load(model)

        await self._thread.call(load)

    async def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture; `on_step` is called in the engine's thread."""

        def stepped(done: int) -> None:
            self._vitals.engine_stepped()
            on_step(done)

        loop = asyncio.get_running_loop()

        def generate() -> Picture:
            loop.call_soon_threadsafe(self._at_work.set)
            with self._vitals.engine_generating():
                return self._engine.generate(request, stepped)

        self._at_work.clear()
        try:
            return await self._thread.call(generate)
        finally:
            self._at_work.set()

    async def free(self, *, keep: str) -> None:
        """Give back all device memory but this model's weights."""

        def free() -> None:
            with self._vitals.engine_loading():
                self._engine.free(keep=keep)

        await self._thread.call(free)

    async def encode(self, picture: Picture, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Encode a picture in another thread, so that the engine may go on.

        Begun once the engine's thread has taken up the next generation: Pillow holds the interpreter while it
        encodes, and would keep that thread from it.
        """
        await self._at_work.wait()
        return await asyncio.to_thread(picture.encode, output_format, metadata)

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return self._engine.loaded()

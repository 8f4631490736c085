"""Lets the event loop use a synchronous engine: in a thread of its own, or inline when it is instant."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from picshapes_crds.resource import OutputFormat
from picshapes_worker.engine import Engine, OnStep, Picture, Request
from picshapes_worker.vitals import Vitals

Answer = TypeVar("Answer")


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
    """For an engine that computes: its calls run in one thread, and `vitals` knows how long they take.

    The thread is a daemon: a call that hangs must not keep the process from ending.
    """

    def __init__(self, engine: Engine, vitals: Vitals) -> None:
        self._engine, self._vitals = engine, vitals
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="engine", daemon=True).start()

    async def load(self, model: str) -> None:
        """Bring a model into device memory."""
        await self._call(self._vitals.engine_loading(), lambda: self._engine.load(model))

    async def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture; `on_step` is called in the engine's thread."""

        def stepped(done: int) -> None:
            self._vitals.engine_stepped()
            on_step(done)

        return await self._call(self._vitals.engine_generating(), lambda: self._engine.generate(request, stepped))

    async def free(self, *, keep: str) -> None:
        """Give back all device memory but this model's weights."""
        await self._call(self._vitals.engine_loading(), lambda: self._engine.free(keep=keep))

    async def encode(self, picture: Picture, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Encode a picture in another thread, so that the engine may go on."""
        return await asyncio.to_thread(picture.encode, output_format, metadata)

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return self._engine.loaded()

    def close(self) -> None:
        """Let the thread end after the call it runs."""
        self._calls.put(None)

    async def _call(self, budget: AbstractContextManager[None], call: Callable[[], Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def settle(method: Callable[[Any], None], value: Any) -> None:
            if not answer.done():  # the caller may have gone
                method(value)

        def run() -> None:
            try:
                with budget:
                    value = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
                loop.call_soon_threadsafe(settle, answer.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, answer.set_result, value)

        self._calls.put(run)
        return await answer

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

"""An engine in a thread of its own, as the event loop uses it."""

import asyncio
import threading

import pytest
from tests.worker.memory import WITHIN_S, HandClock

from picshapes_crds.resource import OutputFormat
from picshapes_worker.call_thread import CallThread
from picshapes_worker.engine import DeviceOutOfMemoryError, OnStep, Request
from picshapes_worker.engine_host import ThreadedHost
from picshapes_worker.engines.null import GreyPixel, NullEngine
from picshapes_worker.vitals import Budgets, Vitals

ASKED = Request("flux-schnell", "a circle", None, 64, 64, steps=1, seed=0)
LONG_S = 1.0
"""Far longer than a thread takes to begin."""


class Noted:
    """An engine and a picture that note, in one list, what begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.encoding = threading.Event()

    def encode(self, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        self.begun.append("encoding")
        self.encoding.set()
        return GreyPixel().encode(output_format, metadata)


class NotedEngine(NullEngine):
    def __init__(self, noted: Noted) -> None:
        super().__init__()
        self._noted = noted

    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        self._noted.begun.append("generation")
        return super().generate(request, on_step)


async def test_a_picture_is_encoded_only_once_the_next_generation_has_begun(clock: HandClock) -> None:
    noted, thread = Noted(), CallThread("engine")
    host = ThreadedHost(NotedEngine(noted), thread, Vitals(clock, Budgets(1800, 300)))
    busy = asyncio.create_task(thread.call(lambda: noted.encoding.wait(LONG_S)))
    await asyncio.sleep(0)
    generating = asyncio.create_task(host.generate(ASKED, lambda _: None))
    await asyncio.sleep(0)
    async with asyncio.timeout(WITHIN_S):
        await host.encode(noted, OutputFormat.PNG, {})
        await asyncio.gather(busy, generating)
    thread.close()

    assert noted.begun == ["generation", "encoding"]


class FailingEngine(NullEngine):
    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        super().generate(request, on_step)
        raise DeviceOutOfMemoryError("no memory")


async def test_a_picture_is_encoded_when_nothing_else_is_to_be_done(clock: HandClock) -> None:
    noted, thread = Noted(), CallThread("engine")
    host = ThreadedHost(FailingEngine(), thread, Vitals(clock, Budgets(1800, 300)))
    async with asyncio.timeout(WITHIN_S):
        await host.encode(noted, OutputFormat.PNG, {})
        with pytest.raises(DeviceOutOfMemoryError):
            await host.generate(ASKED, lambda _: None)
        await host.encode(noted, OutputFormat.PNG, {})
    thread.close()

    assert noted.begun == ["encoding", "encoding"]

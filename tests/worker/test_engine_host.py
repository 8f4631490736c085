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


class Telling(GreyPixel):
    """A picture that tells when its encoding has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def encode(self, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        self.begun.set()
        return super().encode(output_format, metadata)


async def test_a_picture_is_not_encoded_while_the_next_generation_waits_for_its_thread(clock: HandClock) -> None:
    picture, thread = Telling(), CallThread("engine")
    host = ThreadedHost(NullEngine(), thread, Vitals(clock, Budgets(1800, 300)))
    begun_meanwhile = asyncio.create_task(thread.call(lambda: picture.begun.wait(LONG_S)))
    await asyncio.sleep(0)
    generating = asyncio.create_task(host.generate(ASKED, lambda _: None))
    await asyncio.sleep(0)
    async with asyncio.timeout(WITHIN_S):
        await host.encode(picture, OutputFormat.PNG, {})
        await generating
    thread.close()

    assert not await begun_meanwhile
    assert picture.begun.is_set()


class FailingEngine(NullEngine):
    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        super().generate(request, on_step)
        raise DeviceOutOfMemoryError("no memory")


async def test_a_picture_is_encoded_when_nothing_else_is_to_be_done(clock: HandClock) -> None:
    before, after, thread = Telling(), Telling(), CallThread("engine")
    host = ThreadedHost(FailingEngine(), thread, Vitals(clock, Budgets(1800, 300)))
    async with asyncio.timeout(WITHIN_S):
        await host.encode(before, OutputFormat.PNG, {})
        with pytest.raises(DeviceOutOfMemoryError):
            await host.generate(ASKED, lambda _: None)
        await host.encode(after, OutputFormat.PNG, {})
    thread.close()

    assert before.begun.is_set()
    assert after.begun.is_set()

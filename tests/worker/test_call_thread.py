"""Blocking calls run in one thread, in order, and their answers and errors come back."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from picshapes_worker.call_thread import CallThread


@pytest.fixture
def thread() -> Iterator[CallThread]:
    made = CallThread("calls")
    yield made
    made.close()


async def test_calls_run_in_the_one_thread_in_order(thread: CallThread) -> None:
    names = await asyncio.gather(*(thread.call(lambda: threading.current_thread().name) for _ in range(3)))
    order: list[int] = []
    await asyncio.gather(*(thread.call(lambda n=n: order.append(n)) for n in range(5)))  # type: ignore[misc]

    assert names == ["calls", "calls", "calls"]
    assert order == [0, 1, 2, 3, 4]


async def test_what_a_call_raises_is_raised_to_its_caller(thread: CallThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0)
    assert await thread.call(lambda: 7) == 7


async def test_a_caller_that_is_cancelled_does_not_wait(thread: CallThread) -> None:
    go = threading.Event()
    waiting = asyncio.create_task(thread.call(go.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()

    assert await thread.call(lambda: 7) == 7

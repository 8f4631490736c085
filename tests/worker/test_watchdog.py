"""A process that hangs says where, and ends."""

import asyncio
import subprocess
import sys
import threading

import pytest
import structlog.testing
from tests.worker.memory import WITHIN_S, HandClock

from picshapes_worker.call_thread import CallThread
from picshapes_worker.engine import EngineHungError
from picshapes_worker.vitals import Budgets, Vitals
from picshapes_worker.watchdog import watch_engine

STEP_S = 30.0


@pytest.fixture
def vitals(clock: HandClock) -> Vitals:
    return Vitals(clock, Budgets(load_s=600, step_s=STEP_S))


async def test_an_engine_that_makes_no_step_is_given_up_and_the_log_shows_where_it_is(
    vitals: Vitals, clock: HandClock
) -> None:
    thread, goes_on = CallThread("engine"), threading.Event()

    def hang_in_the_kernel() -> None:
        with vitals.engine_generating():
            goes_on.wait(WITHIN_S)

    call = asyncio.create_task(thread.call(hang_in_the_kernel))
    while vitals.engine_well() and clock.passed_s < STEP_S:
        await clock.sleep(1)
    with structlog.testing.capture_logs() as logged, pytest.raises(EngineHungError, match="no step within"):
        async with asyncio.timeout(WITHIN_S):
            await asyncio.gather(watch_engine(vitals, clock, thread.ident, thread.give_up), call)
    goes_on.set()
    thread.close()

    (told,) = logged
    assert told["event"] == "engine.hung"
    assert any("hang_in_the_kernel" in line for line in told["stack"])


async def test_an_engine_that_steps_is_left_alone(vitals: Vitals, clock: HandClock) -> None:
    given_up: list[Exception] = []
    watching = asyncio.create_task(watch_engine(vitals, clock, 0, given_up.append))
    with vitals.engine_generating():
        for _ in range(100):
            vitals.engine_stepped()
            await asyncio.sleep(0)
    while clock.passed_s < 2 * STEP_S:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    watching.cancel()

    assert given_up == []


HELD_INTERPRETER = """
import re
import picshapes_worker.watchdog as watchdog
watchdog.INTERPRETER_STUCK_S = 1.0
watchdog.put_off_the_end()
re.match(r"(a+)+$", "a" * 60 + "b")  # native code that never lets go of the interpreter
"""


def test_a_call_that_holds_the_whole_interpreter_ends_the_process_with_all_stacks() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HELD_INTERPRETER], capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "re/__init__.py" in ended.stderr

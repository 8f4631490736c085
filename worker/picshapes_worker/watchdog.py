"""Ends a process that hangs, with the stacks of its threads in the log: two watches, one within the other.

`watch_engine` runs in the event loop and looks at the engine's budgets: what waits for the engine is told that it
hangs, the worker drains and ends. Should a native call hold the whole interpreter, the loop can't run either: then
the process is ended from outside of Python, by a timer that the loop's beat puts off each second.
"""

import faulthandler
import sys
import traceback
from collections.abc import Callable
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_worker.engine import EngineBrokenError, EngineHungError
from picshapes_worker.vitals import Vitals

LOOK_S: Final = 1.0
INTERPRETER_STUCK_S: Final = 180.0
"""Three times as long as until liveness fails: this is for where nobody asks for liveness, or can restart."""

log = structlog.get_logger(__name__)


async def watch_engine(
    vitals: Vitals, clock: Clock, thread_ident: int, give_up: Callable[[EngineBrokenError], None]
) -> None:
    """Wait until the engine exceeds its budget; log where its thread is, and give it up."""
    while vitals.engine_well():
        await clock.sleep(LOOK_S)
    log.error("engine.hung", stack=stack_of(thread_ident))
    give_up(EngineHungError("the engine made no step within its budget; the log shows where it is"))


def stack_of(thread_ident: int) -> list[str]:
    """Return where a thread is, outermost call first; empty when it has ended."""
    frame = sys._current_frames().get(thread_ident)  # noqa: SLF001 - Python's own way to another thread's stack
    return [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_stack(frame)] if frame else []


def put_off_the_end() -> None:
    """Let the process end, all stacks on stderr, unless this is called again within `INTERPRETER_STUCK_S`."""
    faulthandler.dump_traceback_later(INTERPRETER_STUCK_S, exit=True)


def call_off_the_end() -> None:
    """Let the process live on without beats."""
    faulthandler.cancel_dump_traceback_later()

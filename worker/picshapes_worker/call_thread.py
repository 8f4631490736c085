"""One thread that runs blocking calls for an event loop, one after the other.

A daemon, unlike those of an executor: a native call that hangs must not keep the process from ending. `give_up`
lets those who wait for one go on.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class CallThread:
    """The thread; it starts at once."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._awaited: set[asyncio.Future[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        """The thread's identifier, by which its stack is found."""
        return self._thread.ident or 0

    async def call(self, function: Callable[[], Answer]) -> Answer:
        """Run a function in the thread; return its answer or raise its error.

        A cancelled caller leaves the function to end by itself.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def tell(method: Callable[[Any], None], value: Any) -> None:
            if not answer.done():
                method(value)

        def run() -> None:
            told: tuple[Callable[[Any], None], Any]
            try:
                told = answer.set_result, function()
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
                told = answer.set_exception, error
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, *told)

        self._calls.put(run)
        self._awaited.add(answer)
        try:
            return await answer
        finally:
            self._awaited.discard(answer)

    def give_up(self, error: Exception) -> None:
        """Raise this error from every call that is waited for; the thread is left to itself."""
        for answer in self._awaited:
            if not answer.done():
                answer.set_exception(error)

    def close(self) -> None:
        """Let the thread end after the calls it was given."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

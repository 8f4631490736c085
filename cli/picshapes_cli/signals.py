"""How a command that runs for long ends: by itself, or by Ctrl-C or SIGTERM, with what it started stopped."""

import asyncio
import signal
from collections.abc import Awaitable, Callable


def until_signalled(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` until it ends or Ctrl-C or SIGTERM cancels it; what it started is stopped in both cases."""

    async def guarded() -> None:
        task, loop = asyncio.ensure_future(main()), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    asyncio.run(guarded())

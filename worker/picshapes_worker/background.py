"""Tasks that run beside the rest until a stack unwinds."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def background(stack: AsyncExitStack, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """Run beside the rest until the stack unwinds."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task

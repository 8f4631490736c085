"""Waiting for what nothing tells of: a process is asked again and again, as its clients do."""

import asyncio
from collections.abc import Callable
from typing import Any


async def eventually(read: Callable[[], Any], holds: Callable[[Any], bool], within_s: float = 90) -> Any:
    """Read until it holds, as a polling client does, and return what was read; fail with the last reading."""
    last: Any = None
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        last = await read()
        if holds(last):
            return last
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not come to hold within {within_s} s; last: {last!r}")

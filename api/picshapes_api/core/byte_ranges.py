"""The `Range` header (RFC 9110, section 14). Pure."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=(\d{0,100})-(\d{0,100})", re.ASCII)
"""Python refuses to read a number of thousands of digits; nobody means one."""


class UnsatisfiableRangeError(ValueError):
    """The range lies outside the object."""


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last, or None for the whole object.

    What isn't one plain range of bytes is ignored, as the standard allows.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        suffix = int(match[2])
        if suffix == 0:
            raise UnsatisfiableRangeError
        return max(0, size - suffix), size
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError
    return start, min(int(match[2]) + 1, size) if match[2] else size


def etag_matches(header: str | None, etag: str) -> bool:
    """Say whether an `If-None-Match` header names this entity tag."""
    if header is None:
        return False
    named = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in named or etag in named

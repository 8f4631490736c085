"""Which stored pictures no job refers to: those of attempts that were lost, or whose job failed after all. Pure.

The API's leading process removes them, as it alone removes old pictures; a worker deletes only what it has just
written itself and saw refused. A picture is spared while its job is open, for a grace after it was stored and its
job was closed, and for ever when no row tells of its job: one made with kubectl may refer to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from picshapes_api.core.retention import is_picture

GRACE_MS: Final = 24 * 3600 * 1000
"""Far longer than a worker may go on with an attempt that was lost."""


@dataclass(frozen=True)
class Closed:
    """How a job ended, as its row tells."""

    attempt: int | None
    """The attempt whose picture was accepted; None when the job failed."""
    closed_at_ms: int


def job_of(key: str) -> str:
    """Return the public id of the job that a picture belongs to."""
    return key.partition("/")[0]


def orphans(stored: Iterable[str], closed: Mapping[str, Closed], now_ms: int) -> list[str]:
    """Return which of these keys, all stored before the grace, nobody refers to; `closed` is by job id."""
    return [key for key in stored if is_picture(key) and _is_orphan(key, closed.get(job_of(key)), now_ms)]


def _is_orphan(key: str, job: Closed | None, now_ms: int) -> bool:
    if job is None or job.closed_at_ms > now_ms - GRACE_MS:
        return False
    attempt = int(key.partition("/")[2].partition(".")[0])
    return attempt != job.attempt

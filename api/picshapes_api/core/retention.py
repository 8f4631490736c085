"""How long pictures and jobs are kept. Pure.

Whether a picture's time is over is told by the clock, not by its absence: every process answers alike, however far
the removal has come.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from picshapes_api.core.job_view import Outcome

DAY_MS: Final = 24 * 3600 * 1000
_KEY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/\d+\.(png|jpg|webp)")


@dataclass(frozen=True)
class Retention:
    """Days, or None for ever. A job is kept at least as long as its picture."""

    result_days: int | None = None
    job_days: int | None = None

    def has_expired(self, outcome: Outcome, now_ms: int) -> bool:
        """Say whether a completed job's picture is no longer to be had."""
        before_ms, completed_ms = _before(self.result_days, now_ms), outcome.completed_at_ms
        return before_ms is not None and completed_ms is not None and completed_ms <= before_ms

    def results_before(self, now_ms: int) -> datetime | None:
        """Return when the oldest picture that is kept was stored; None when all are kept."""
        before_ms = _before(self.result_days, now_ms)
        return None if before_ms is None else datetime.fromtimestamp(before_ms / 1000, UTC)

    def jobs_before_ms(self, now_ms: int) -> int | None:
        """Return when the oldest job that is kept ended; None when all are kept."""
        return _before(self.job_days, now_ms)


def is_picture(key: str) -> bool:
    """Say whether an object is a job's picture: a bucket may hold other things, which stay."""
    return _KEY.fullmatch(key) is not None


def _before(days: int | None, now_ms: int) -> int | None:
    return None if days is None else now_ms - days * DAY_MS

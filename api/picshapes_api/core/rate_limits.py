"""What a client is told of its limits. Pure."""

import math
from dataclasses import dataclass
from typing import Final

PER_MINUTE: Final = 60
PER_DAY: Final = 1000
PER_MINUTE_AND_ADDRESS: Final = 600


@dataclass(frozen=True)
class WindowState:
    """One moving window after a request was counted in it, or refused by it."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until its oldest request falls out."""
    refused: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a request may go on, and the tightest window."""

    windows: tuple[WindowState, ...]

    @property
    def retry_after_s(self) -> int | None:
        """Whole seconds to wait, at least 1, the longest of what refused; None when nothing did."""
        waits = [math.ceil(one.reset_s) for one in self.windows if one.refused]
        return max(1, *waits) if waits else None

    def headers(self) -> dict[str, str]:
        """Return the `RateLimit-*` headers for the window that ends soonest (IETF httpapi draft 03's names)."""
        if not self.windows:
            return {}
        tightest = min(self.windows, key=lambda one: (one.remaining, -one.reset_s))
        return {
            "RateLimit-Limit": str(tightest.limit),
            "RateLimit-Remaining": str(max(0, tightest.remaining)),
            "RateLimit-Reset": str(max(0, math.ceil(tightest.reset_s))),
        }


NO_LIMIT: Final = Verdict(())

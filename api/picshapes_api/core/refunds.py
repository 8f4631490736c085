"""What a user gets back when a job ends.

A job whose picture was accepted is never refunded; a job that failed is, in full; a job cancelled at its user's
wish pays for the steps that were run.
"""

import re
from typing import Final

from picshapes_crds.phases import Phase, Reason

_PROGRESS: Final = re.compile(r"(\d+)/(\d+)")


def refund(price: int, phase: Phase, reason: str | None, progress: str | None) -> int:
    """Return the credits to give back for a job in a terminal phase.

    `progress` is the status's own `3/8`. Of a cancelled job, steps not run are refunded, rounded down to whole
    credits; when the steps are not known, nothing is held against the user.
    """
    if phase is Phase.COMPLETED:
        return 0
    if reason != Reason.CANCELLED or progress is None:
        return price
    match = _PROGRESS.fullmatch(progress)
    if match is None or int(match[2]) == 0:
        return price
    done, steps = min(int(match[1]), int(match[2])), int(match[2])
    return price * (steps - done) // steps

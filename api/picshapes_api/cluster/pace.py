"""When the loops of one process may act."""

from collections.abc import Callable
from dataclasses import dataclass

from picshapes_api.figures import JobFigures
from picshapes_crds.clock import Clock


@dataclass(frozen=True)
class Pace:
    """Time, whether this process is the one of several that acts, and where it counts what it did."""

    clock: Clock
    leads: Callable[[], bool]
    figures: JobFigures

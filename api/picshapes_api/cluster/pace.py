"""When the loops of one process may act."""

from collections.abc import Callable
from dataclasses import dataclass

from picshapes_crds.clock import Clock


@dataclass(frozen=True)
class Pace:
    """Time, and whether this process is the one of several that acts."""

    clock: Clock
    leads: Callable[[], bool]

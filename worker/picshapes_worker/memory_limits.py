"""What this card has shown not to suffice for: once a job ran out of memory, none of its need comes again.

The Lease tells the operator. A new process begins with none: the card may be shared with something else by then.
"""

from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger(__name__)


class MemoryLimits:
    """For each model of which a job ran out of memory: the largest need, in MiB, that may still fit."""

    def __init__(self, changed: Callable[[Mapping[str, int]], None]) -> None:
        """Begin without limits; `changed` is told all of them whenever one is set or lowered."""
        self._changed = changed
        self._limits: dict[str, int] = {}

    def ran_out(self, model: str, need_mib: int) -> None:
        """Note that a job that counted as fitting, by this need, did not fit even alone."""
        limit = need_mib - 1
        if limit < self._limits.get(model, need_mib):
            self._limits[model] = limit
            log.warning("memory.limit", model=model, largest_need_mib=limit)
            self._changed(dict(self._limits))

"""Which waiting jobs share a queue: those that the same workers fit, whatever each needs exactly. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from picshapes_crds.scheduling.demand import Demand, memory_class

BEYOND_MIB: Final = 2**40
"""The class of jobs that need more memory than any worker seen so far has."""


@dataclass(frozen=True)
class Grouping:
    """How far the workers differ."""

    sizes_mib: tuple[int, ...] = ()
    """Their sizes of memory seen so far, sorted."""
    watched: frozenset[str] | None = None
    """Namespaces whose jobs all of them watch; None for every one."""

    def queue_of(self, demand: Demand) -> Demand:
        """Return the queue of a demand: with its class's memory, and without a namespace that all watch."""
        size = memory_class(demand.min_vram_mib, self.sizes_mib)
        apart = self.watched is not None and demand.namespace not in self.watched
        return replace(
            demand,
            min_vram_mib=BEYOND_MIB if size is None else size,
            namespace=demand.namespace if apart else "",
        )

    def with_sizes(self, sizes_mib: Iterable[int]) -> "Grouping":
        """Return the grouping once workers of these sizes have been seen too."""
        return replace(self, sizes_mib=tuple(sorted({*self.sizes_mib, *sizes_mib})))

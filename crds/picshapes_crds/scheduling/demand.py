"""What a job needs, what a worker offers, and the memory classes in which jobs wait for the same workers. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import Resolved
from picshapes_crds.workers import WorkerLease, WorkerPod


@dataclass(frozen=True, order=True)
class Demand:
    """What a job needs of a worker."""

    model: str
    weights: str
    """Revision of the model's weights in the catalogue."""
    profile: str
    min_vram_mib: int
    namespace: str = ""
    """Whose jobs the worker must watch; empty where all do, or where it doesn't matter."""


def demand_of(resolved: Resolved, catalogue: Catalogue, namespace: str = "") -> Demand:
    """Return what a resolved request, of a job in this namespace, needs of a worker."""
    model = catalogue.models.get(resolved.model)
    revision = model.weights.revision_id if model else ""
    return Demand(resolved.model, revision, catalogue.profile, resolved.min_vram_mib, namespace)


@dataclass(frozen=True)
class Worker:
    """A worker's process and what it offers."""

    name: str
    worker_id: str
    vram_mib: int
    profile: str
    weights: Mapping[str, str] = field(hash=False)
    """Revision of the weights, for each model that it serves."""
    loaded: frozenset[str]
    """Models that lie in its device memory now."""
    held: int
    """Jobs that it holds, claims in flight included."""
    accepting: bool
    """Ready, not terminating, not cordoned, and its lease is fresh."""
    cordoned: bool = False
    """Its node takes no new pods: what runs there may end, and nothing new begins."""
    limits_mib: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Of models of which a job ran out of memory here: the largest need, in MiB, that may still fit."""
    namespaces: frozenset[str] = frozenset()
    """Whose jobs it watches."""

    @property
    def sizes_mib(self) -> tuple[int, ...]:
        """All memory sizes, in MiB, up to which jobs of some model fit it."""
        return (self.vram_mib, *self.limits_mib.values())

    def memory_for(self, model: str) -> int:
        """Return the memory, in MiB, that counts for a model: less than the device's if that proved too little."""
        return min(self.vram_mib, self.limits_mib.get(model, self.vram_mib))


def worker_of(
    pod: WorkerPod, lease: WorkerLease, *, fresh: bool, held: int, cordoned: bool = False
) -> Worker | None:
    """Put together what is known of a worker; None while it has not measured its device, and once it has ended.

    `fresh` says whether the observer has seen its Lease renewed in time, `cordoned` whether its node is.
    """
    if pod.ended or pod.vram_mib is None:
        return None
    return Worker(
        name=pod.name,
        worker_id=lease.worker_id,
        vram_mib=pod.vram_mib,
        profile=pod.profile or "",
        weights=pod.weights,
        loaded=lease.loaded,
        held=held,
        accepting=pod.ready and not pod.terminating and not cordoned and fresh and bool(lease.worker_id),
        cordoned=cordoned,
        limits_mib=lease.limits_mib,
        namespaces=lease.namespaces,
    )


def memory_class(need_mib: int, sizes_mib: Sequence[int]) -> int | None:
    """Return the smallest of the workers' memory sizes, sorted, that suffices; None when none does.

    Jobs of one class fit the same workers: whatever their exact needs are, they wait for the same places.
    """
    index = bisect_left(sizes_mib, need_mib)
    return sizes_mib[index] if index < len(sizes_mib) else None

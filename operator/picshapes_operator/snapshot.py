"""What the scheduler decides on: plain values, taken from `ClusterState` at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from picshapes_crds.phases import Reason

JobId = str
"""The uid of a job's resource: a job deleted and created again under its name is another one."""


@dataclass(frozen=True, order=True)
class Demand:
    """What a job needs of a worker. Jobs of equal demand wait in one queue."""

    model: str
    weights: str
    """Revision of the model's weights in the operator's catalogue."""
    profile: str
    min_vram_mib: int


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
    """Ready, not terminating, and its lease is fresh."""


@dataclass(frozen=True)
class Head:
    """A waiting job near the head of its line."""

    job: JobId
    created_s: float
    cost: float
    """What claiming it adds to its owner's rank."""


@dataclass(frozen=True)
class Line:
    """The first jobs of one owner at one level of priority, oldest first."""

    level: int
    owner: str
    rank: float
    """What the owner has used lately; lower goes first."""
    heads: Sequence[Head]


@dataclass(frozen=True)
class Queue:
    """The lines of jobs that wait for one demand."""

    demand: Demand
    lines: Sequence[Line]


@dataclass(frozen=True)
class Snapshot:
    """All that `schedule` looks at."""

    queues: Sequence[Queue]
    workers: Sequence[Worker]


@dataclass(frozen=True)
class Claim:
    """Give this job to this process."""

    job: JobId
    worker_name: str
    worker_id: str


@dataclass(frozen=True)
class Unschedulable:
    """Leave this job waiting, and say why."""

    job: JobId
    reason: Reason
    message: str

"""What the scheduler decides on: plain values, taken from `ClusterState` at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

from picshapes_crds.phases import Reason
from picshapes_crds.scheduling.demand import Demand, Worker

JobId = str
"""The uid of a job's resource: a job deleted and created again under its name is another one."""


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

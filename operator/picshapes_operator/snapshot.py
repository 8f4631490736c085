"""What the scheduler decides on: plain values, taken from `ClusterState` at one moment."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    alone: bool = False
    """Nothing is claimed by its worker behind it: workers were lost that held it."""
    lost_on: str = ""
    """The worker with which it was lost last: of equally free ones it gets another."""


@dataclass(frozen=True)
class Line:
    """The first jobs of one owner at one level of priority, oldest first."""

    level: int
    owner: str
    rank: float
    """What the owner has used lately; lower goes first."""
    heads: Sequence[Head]
    """A view that is right until the next change of the queues, or a plain list."""


@dataclass(frozen=True)
class Queue:
    """The lines of jobs that wait for the same workers."""

    demand: Demand
    """The most that any of them needs."""
    lines: Iterable[Line]
    """In the order of the turns of their first jobs: by level, rank and age. May be read again and again."""


@dataclass(frozen=True)
class Snapshot:
    """All that `schedule` looks at."""

    queues: Sequence[Queue]
    workers: Sequence[Worker]
    most: int = sys.maxsize
    """How many claims it suffices for: the decision ends there."""


@dataclass(frozen=True)
class Claim:
    """Give this job to this process."""

    job: JobId
    worker_name: str
    worker_id: str

"""The parts of the API put together: the same for the process, for tests and for the simulation."""

import random
import secrets
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from picshapes_api.cluster.job_cache import JobCache
from picshapes_api.cluster.mirror import Mirror
from picshapes_api.cluster.neighbours import Neighbours
from picshapes_api.cluster.outbox import Outbox
from picshapes_api.cluster.pace import Pace
from picshapes_api.cluster.placing import Placer
from picshapes_api.cluster.waiting_line import WaitingLine
from picshapes_api.cluster.worker_index import WorkerIndex
from picshapes_api.core.retention import Retention
from picshapes_api.figures import JobFigures, StateCollector
from picshapes_api.pictures import PictureStore
from picshapes_api.services import Exposure, Randomness, Services
from picshapes_api.storage.accounts import AccountStore
from picshapes_api.storage.administration import AdministrationStore
from picshapes_api.storage.database import Database
from picshapes_api.storage.grants import GrantStore
from picshapes_api.storage.jobs import JobStore
from picshapes_api.storage.keys import KeyStore
from picshapes_api.storage.rate_limiter import RateLimiter
from picshapes_api.storage.sweep import SweepStore
from picshapes_api.sweeping import Sweeper
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import JOBS, LEASES, PODS, Cluster, Kind, Reflector, Scope
from picshapes_crds.leadership import Leadership
from picshapes_crds.names import WORKER_SELECTOR
from picshapes_crds.resource import MAX_SEED


@dataclass(frozen=True)
class Surroundings:
    """What the API stands on."""

    cluster: Cluster
    namespace: str
    catalogue: Catalogue
    database: Database
    pictures: PictureStore
    clock: Clock
    randomness: Randomness
    redis_url: str | None = None
    exposure: Exposure = field(default_factory=Exposure)
    retention: Retention = field(default_factory=Retention)
    leadership: Leadership | None = None
    """None: this is the only API process."""
    neighbours: tuple[str, ...] = ()
    """Further namespaces, whose jobs are shown and counted."""


@dataclass(frozen=True)
class Api:
    """The parts, and the loops that must run while it serves."""

    services: Services
    mirror: Mirror
    outbox: Outbox
    sweeper: Sweeper
    loops: dict[str, Callable[[], Coroutine[Any, Any, None]]]


def system_randomness() -> Randomness:
    """Return randomness fit for secrets; ids are what protects `GET /jobs/{id}`."""
    return Randomness(
        new_id=lambda: str(uuid.uuid4()),
        seed=lambda: secrets.randbelow(MAX_SEED + 1),
        secret_bytes=secrets.token_bytes,
    )


def assemble(around: Surroundings) -> Api:
    """Put the parts together; nothing runs yet."""
    cluster, namespace, clock = around.cluster, around.namespace, around.clock

    def follow(kind: Kind, selector: str = "", where: str = namespace) -> Reflector:
        return Reflector(cluster, kind, Scope(where, selector), clock, random.Random(around.randomness.seed()))

    def now_ms() -> int:
        return int(clock.now().timestamp() * 1000)

    jobs, cache = JobStore(around.database), JobCache(follow(JOBS))
    neighbours = Neighbours({one: follow(JOBS, where=one) for one in around.neighbours})
    placer = Placer(cluster, namespace, jobs, cache, now_ms)
    registry = CollectorRegistry()
    figures = JobFigures(registry)
    workers = WorkerIndex(around.catalogue, clock)
    services = Services(
        catalogue=around.catalogue,
        clock=clock,
        randomness=around.randomness,
        registry=registry,
        database=around.database,
        accounts=AccountStore(around.database, now_ms),
        keys=KeyStore(around.database, now_ms),
        administration=AdministrationStore(around.database),
        grants=GrantStore(around.database, now_ms),
        jobs=jobs,
        cache=cache,
        neighbours=neighbours,
        placer=placer,
        workers=workers,
        line=WaitingLine(cache, neighbours, around.catalogue, clock),
        pictures=around.pictures,
        figures=figures,
        limiter=RateLimiter(around.redis_url, registry, clock.monotonic),
        exposure=around.exposure,
        retention=around.retention,
    )
    leads = around.leadership.held if around.leadership else lambda: True
    registry.register(StateCollector(cache, leads))
    pace = Pace(clock, leads, figures)
    mirror = Mirror(cluster, namespace, cache, jobs, pace)
    outbox = Outbox(jobs, placer, pace, now_ms)
    sweeper = Sweeper(SweepStore(around.database), around.pictures, cache, around.retention, pace)
    loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "jobs": cache.follow,
        "pods": lambda: workers.follow_pods(follow(PODS, WORKER_SELECTOR).observations()),
        "leases": lambda: workers.follow_leases(follow(LEASES, WORKER_SELECTOR).observations()),
        "mirror": mirror.run,
        "outbox": outbox.run,
        "sweeper": sweeper.run,
    }
    loops |= {f"jobs of {one}": partial(neighbours.follow, one) for one in around.neighbours}
    if around.leadership is not None:
        loops["leadership"] = around.leadership.run
    return Api(services, mirror, outbox, sweeper, loops)

"""What the handlers of requests work with, assembled once at start."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from picshapes_api.cluster.job_cache import CachedJob, JobCache
from picshapes_api.cluster.neighbours import Neighbours
from picshapes_api.cluster.placing import Placer
from picshapes_api.cluster.waiting_line import WaitingLine
from picshapes_api.cluster.worker_index import WorkerIndex
from picshapes_api.core.forwarding import Network
from picshapes_api.core.retention import Retention
from picshapes_api.figures import JobFigures
from picshapes_api.pictures import PictureStore
from picshapes_api.storage.accounts import AccountStore
from picshapes_api.storage.administration import AdministrationStore
from picshapes_api.storage.database import Database
from picshapes_api.storage.grants import GrantStore
from picshapes_api.storage.jobs import JobStore
from picshapes_api.storage.keys import KeyStore
from picshapes_api.storage.rate_limiter import RateLimiter
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock


@dataclass(frozen=True)
class Randomness:
    """Where chance comes from."""

    new_id: Callable[[], str]
    seed: Callable[[], int]
    secret_bytes: Callable[[int], bytes]


@dataclass(frozen=True)
class Exposure:
    """How clients come to this API."""

    public_url: str | None = None
    """Where they reach it, if not where they say."""
    trusted_proxies: tuple[Network, ...] = ()
    """Only of these are forwarded headers believed, and only with them are addresses bounded."""


@dataclass
class Services:
    """Everything that a handler may use."""

    catalogue: Catalogue
    clock: Clock
    randomness: Randomness
    registry: CollectorRegistry
    database: Database
    accounts: AccountStore
    keys: KeyStore
    administration: AdministrationStore
    grants: GrantStore
    jobs: JobStore
    cache: JobCache
    neighbours: Neighbours
    placer: Placer
    workers: WorkerIndex
    line: WaitingLine
    pictures: PictureStore
    limiter: RateLimiter
    figures: JobFigures
    exposure: Exposure
    retention: Retention
    stopping: bool = False
    """No more requests should come: `/readyz` fails."""

    def last_seen(self, job_id: str) -> CachedJob | None:
        """Return a job of the own namespace by its public id, else one of a neighbour by its uid."""
        return self.cache.get(job_id) or self.neighbours.get(job_id)

    def now_ms(self) -> int:
        """Return the wall-clock time as the database keeps it."""
        return int(self.clock.now().timestamp() * 1000)

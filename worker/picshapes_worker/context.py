"""Everything outside a job that its run needs, passed in as one value: so it can run against anything."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import JOBS, Cluster, Json
from picshapes_crds.resource import GenerationJob
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.job_name import JobName
from picshapes_worker.memory_limits import MemoryLimits
from picshapes_worker.metrics import Metrics
from picshapes_worker.store import PictureStore


@dataclass(frozen=True)
class WorkerContext:
    """The surroundings of one worker process."""

    cluster: Cluster
    namespace: str
    """Where the worker runs."""
    store: PictureStore
    host: EngineHost
    catalogue: Catalogue
    clock: Clock
    rng: random.Random
    metrics: Metrics
    models_loaded: Callable[[frozenset[str]], None]
    """Told the models in device memory whenever they may have changed."""
    memory: MemoryLimits
    device: str
    """Name of the device, as pictures and statuses tell it."""
    public_url: str | None

    async def patch_status(self, job: JobName, operations: list[Json]) -> None:
        """Apply a fenced JSON Patch to a job's status; raises `ClusterError`."""
        await self.cluster.json_patch(JOBS, job.namespace, job.name, operations, "status")

    async def read(self, job: JobName) -> Json:
        """Read a job as it is now; raises `ClusterError`."""
        return await self.cluster.get(JOBS, job.namespace, job.name)

    def logged(self, job: JobName) -> str:
        """Return what logs call a job: its name, after its namespace where that isn't the worker's own."""
        return job.name if job.namespace == self.namespace else str(job)

    def public_id(self, job: GenerationJob) -> str:
        """Return the job's id in URLs and keys: elsewhere the API makes no jobs, and a name is nobody's id."""
        return job.public_id if job.metadata.namespace == self.namespace else job.metadata.uid

    def result_url(self, job: GenerationJob, key: str) -> str:
        """Return where users find a picture: at the API when its address is known, else in the store."""
        if self.public_url is None:
            return self.store.url_of(key)
        return f"{self.public_url.rstrip('/')}/results/{self.public_id(job)}.{key.rpartition('.')[2]}"

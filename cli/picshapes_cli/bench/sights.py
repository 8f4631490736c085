"""What the benchmarks see on watches of jobs, and when."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Changed, Deleted, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster


class Sights:
    """When each job was first seen, by uid; jobs that were there before are not among them."""

    def __init__(self) -> None:
        self.seen_at: dict[str, float] = {}
        self.versions_at: dict[str, float] = {}
        """When each version of an object was seen."""
        self.gone: set[str] = set()
        self._news = asyncio.Event()

    @asynccontextmanager
    async def watching(self, cluster: KubeCluster, scope: Scope) -> AsyncIterator[None]:
        """Watch for as long as the block lasts, this scope besides others; it is entered after the first list."""
        listed = asyncio.Event()

        async def watch() -> None:
            reflector = Reflector(cluster, JOBS, scope, SystemClock(), random.Random())
            async for seen in reflector.observations():
                now = time.perf_counter()
                match seen:
                    case Listed():
                        listed.set()
                    case Changed(job):
                        self.seen_at.setdefault(job["metadata"]["uid"], now)
                        self.versions_at[job["metadata"]["resourceVersion"]] = now
                    case Deleted(job):
                        self.gone.add(job["metadata"]["uid"])
                self._news.set()

        task = asyncio.create_task(watch())
        await listed.wait()
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def version(self, version: str, timeout_s: float) -> float:
        """Wait for one version of an object, and return when it was seen."""
        await self.until(lambda: version in self.versions_at, timeout_s)
        return self.versions_at[version]

    async def until(self, there: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something holds that only a change of what is seen can bring about; raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while not there():
                self._news.clear()
                await self._news.wait()

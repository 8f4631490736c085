"""Workers that are only objects: pods that are Ready, Leases that are renewed, jobs that end when the bench wants.

A benchmark so decides when places get free, and sees every claim.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from picshapes_cli.bench.claim_ledger import ClaimLedger
from picshapes_cli.bench.r0 import outcome
from picshapes_cli.up.pods import WorkerPods
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, LEASES, PODS, Changed, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.patches import Fence, completed
from picshapes_crds.workers import LEASE_RENEWAL_S, lease_body, lease_renewal, read_pod, worker_labels

VRAM_MIB: Final = 24_564
IN_FLIGHT: Final = 16


class PretendedFleet:
    """So many workers in one namespace."""

    def __init__(self, cluster: KubeCluster, namespace: str, size: int) -> None:
        self._cluster, self._namespace, self._size = cluster, namespace, size
        self._clock = SystemClock()
        self.ledger = ClaimLedger()
        self.claimed_at: list[float] = []
        """When each claim was seen, on `time.perf_counter`."""
        self._news = asyncio.Event()
        self._ending: set[str] = set()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Let the workers be there for as long as the block lasts; it is entered once they can be claimed for."""
        listed = asyncio.Event()
        tasks = [asyncio.create_task(self._watch(listed))]
        try:
            await listed.wait()
            for number in range(self._size):
                await self._appear(number)
            tasks.append(asyncio.create_task(self._renew()))
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def until(self, there: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something holds that only a change of a job can bring about; raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while not there():
                self._news.clear()
                await self._news.wait()

    async def quiet(self, lasting_s: float) -> None:
        """Wait until no job has changed for so long."""
        with suppress(TimeoutError):
            while True:
                self._news.clear()
                async with asyncio.timeout(lasting_s):
                    await self._news.wait()

    async def end(self, count: int, timeout_s: float) -> None:
        """End so many jobs, the longest held first, several at a time; waits for claims when none is held."""

        async def ends(share: int) -> None:
            for _ in range(share):
                await self.until(lambda: bool(self.ledger.held.keys() - self._ending), timeout_s)
                job = next(one for uid, one in self.ledger.held.items() if uid not in self._ending)
                metadata, status = job["metadata"], job["status"]
                self._ending.add(metadata["uid"])
                fence = Fence(metadata["uid"], status["workerID"], status["attempt"])
                body = completed(fence, outcome(metadata["name"]))
                await self._cluster.json_patch(JOBS, self._namespace, metadata["name"], body, "status")

        async with asyncio.TaskGroup() as tasks:
            for lane in range(IN_FLIGHT):
                tasks.create_task(ends(len(range(lane, count, IN_FLIGHT))))

    async def _watch(self, listed: asyncio.Event) -> None:
        reflector = Reflector(self._cluster, JOBS, Scope(self._namespace), self._clock, random.Random())
        async for seen in reflector.observations():
            match seen:
                case Listed(jobs):
                    for job in jobs:
                        self.ledger.see(job)
                    listed.set()
                case Changed(job):
                    if self.ledger.see(job):
                        self.claimed_at.append(time.perf_counter())
            self._news.set()

    async def _appear(self, number: int) -> None:
        catalogue, name = Catalogue.load("demo"), f"pretended-{number}"
        weights = {model: one.weights.revision_id for model, one in catalogue.models.items()}
        labels = worker_labels(VRAM_MIB, catalogue.profile, weights)
        pods = WorkerPods(self._cluster, self._namespace, self._clock)
        await pods.create(name)
        pod = await self._cluster.merge_patch(PODS, self._namespace, name, {"metadata": {"labels": labels}})
        lease = lease_body(read_pod(pod), f"process-{number}", frozenset(), self._clock.now())
        await self._cluster.create(LEASES, self._namespace, lease)
        await pods.report(name, ready=True)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(LEASE_RENEWAL_S)
            for number in range(self._size):
                renewal = lease_renewal(f"process-{number}", frozenset(), self._clock.now())
                await self._cluster.merge_patch(LEASES, self._namespace, f"pretended-{number}", renewal)

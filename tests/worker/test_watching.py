"""How a worker follows its claims in several namespaces."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest_asyncio
from tests.simulation.api_server import ApiServer
from tests.simulation.memory_cluster import MemoryCluster
from tests.worker.memory import START, WITHIN_S, WORKER_ID, StandingClock, job, make_context
from tests.worker.memory import MemoryCluster as NoCluster

from picshapes_crds.cluster import JOBS, ForbiddenError, Kind, ObjectList, Scope
from picshapes_worker.assignment import Assignment
from picshapes_worker.engine_host import InlineHost
from picshapes_worker.engines.null import NullEngine
from picshapes_worker.watching import Watching
from picshapes_worker.work import Work


class Guarded(MemoryCluster):
    """An API server that forbids some namespaces."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(server)
        self.forbidden: set[str] = set()
        self.refused = asyncio.Event()

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        if scope.namespace in self.forbidden:
            self.refused.set()
            raise ForbiddenError(f"{kind.plural} in {scope.namespace}", 403)
        return await super().list_all(kind, scope, metadata_only=metadata_only)


class Site:
    """A worker of the namespace `n` with the neighbours `m` and `o`; sleeps last until `clock.wake` is set."""

    def __init__(self, folder: Path) -> None:
        self.clock = StandingClock()
        self.server = ApiServer(lambda: START, lambda: str(uuid.uuid4()))
        self.cluster = Guarded(self.server)
        surroundings = make_context(NoCluster(), folder, self.clock, InlineHost(NullEngine()))
        context = replace(surroundings, cluster=self.cluster)
        assignment = Assignment(WORKER_ID)
        self.work = Work(assignment, context)
        self.watching = Watching(assignment, self.work, context, "w", ["m", "o"])

    def claim(self, namespace: str) -> None:
        claimed = job("a", namespace=namespace)
        self.server.create(
            JOBS, namespace, {key: claimed[key] for key in ("apiVersion", "kind", "metadata", "spec")}
        )
        self.server.merge_patch(JOBS, namespace, "a", {"status": claimed["status"]}, "status")

    def phases(self) -> dict[str, str]:
        jobs = self.server.list_all(JOBS, Scope()).items
        return {one["metadata"]["namespace"]: one["status"]["phase"] for one in jobs}

    async def until(self, holds: Callable[[], bool]) -> None:
        changed = asyncio.Event()
        self.server.observers.append(lambda _: changed.set())
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                changed.clear()
                await changed.wait()


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A worker at work whose claims are not followed yet."""
    made = Site(tmp_path)
    working = asyncio.create_task(made.work.run())
    yield made
    working.cancel()


@pytest_asyncio.fixture
async def following(site: Site) -> AsyncIterator[asyncio.Task[None]]:
    """Claims in three namespaces, one of them forbidden, and the watches of all."""
    for namespace in "nmo":
        site.claim(namespace)
    site.cluster.forbidden = {"m"}
    task = asyncio.create_task(site.watching.run())
    yield task
    task.cancel()


async def test_neighbours_are_listed_only_after_the_own_namespace_and_not_at_once(
    site: Site, following: asyncio.Task[None]
) -> None:
    await site.until(lambda: site.phases()["n"] == "Completed")

    assert site.watching.listed.is_set()
    assert site.watching.silent_s() == 0
    assert site.phases() == {"n": "Completed", "m": "Claimed", "o": "Claimed"}
    site.clock.wake.set()
    await site.until(lambda: site.phases()["o"] == "Completed")
    assert not following.done()


async def test_a_neighbour_that_may_not_be_listed_is_tried_again_and_the_others_are_followed(
    site: Site, following: asyncio.Task[None]
) -> None:
    site.clock.wake.set()
    await site.until(lambda: site.phases()["o"] == "Completed")
    async with asyncio.timeout(WITHIN_S):
        await site.cluster.refused.wait()

    assert site.phases()["m"] == "Claimed"
    site.cluster.forbidden = set()
    await site.until(lambda: site.phases()["m"] == "Completed")
    assert site.watching.restarts() >= 1
    assert not following.done()


async def test_without_the_own_namespace_no_neighbour_is_followed(site: Site) -> None:
    site.claim("o")
    site.cluster.forbidden = {"n"}
    site.clock.wake.set()
    following = asyncio.create_task(site.watching.run())
    async with asyncio.timeout(WITHIN_S):
        await site.cluster.refused.wait()

    assert not site.watching.listed.is_set()
    assert site.watching.silent_s() is None
    assert site.phases() == {"o": "Claimed"}
    site.cluster.forbidden = set()
    await site.until(lambda: site.phases() == {"o": "Completed"})
    following.cancel()

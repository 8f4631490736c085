"""Whether a watch that has silently died is found out, and nothing else taken for that."""

import random
import uuid
from typing import Any

from tests.simulation.api_server import ApiServer
from tests.simulation.memory_cluster import MemoryCluster

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, PODS, ForbiddenError, Json, Kind, ObjectList, Scope
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER
from picshapes_operator.feeds import Feeds
from picshapes_operator.state import ClusterState

from .test_state import FixedClock


class Guarded(MemoryCluster):
    """An API server that forbids some namespaces."""

    forbidden: frozenset[str] = frozenset()

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        if scope.namespace in self.forbidden:
            raise ForbiddenError(f"{kind.plural} in {scope.namespace}", 403)
        return await super().list_all(kind, scope, metadata_only=metadata_only)


class Site:
    """An API server in memory, and what an operator has seen of it."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.cluster = Guarded(ApiServer(self.clock.now, lambda: str(uuid.uuid4())))
        self.state = ClusterState(Catalogue.load("demo"), self.clock)
        self.feeds = Feeds(self.cluster, "n", ["team"], self.state, self.clock, random.Random(1))

    async def job(self, name: str, namespace: str = "n") -> Json:
        kind = {"apiVersion": JOBS.api_version, "kind": "GenerationJob"}
        return await self.cluster.create(
            JOBS, namespace, kind | {"metadata": {"name": name}, "spec": {"prompt": "x"}}
        )

    async def pod(self, name: str) -> Json:
        labels = {COMPONENT_LABEL: COMPONENT_WORKER}
        return await self.cluster.create(PODS, "n", {"metadata": {"name": name, "labels": labels}, "spec": {}})

    async def listed(self) -> dict[Kind, list[Json]]:
        kinds = (JOBS, PODS)
        return {kind: (await self.cluster.list_all(kind, Scope("n"), metadata_only=True)).items for kind in kinds}

    async def check(self, listed: dict[Kind, list[Json]] | None = None) -> str | None:
        listed = listed or await self.listed()
        await self.feeds.check_watches(listed)
        return self.state.broken


async def test_what_was_told_of_is_no_fault() -> None:
    site = Site()
    site.state.observe_job(await site.job("a"))
    site.state.observe_pod(await site.pod("w"))
    began = site.clock.moment
    assert await site.check() is None
    assert site.clock.moment == began, "nothing was waited for"


async def test_a_job_that_was_never_told_of_shows_that_the_watch_of_jobs_is_dead() -> None:
    site = Site()
    await site.job("a")
    assert await site.check() == "the watch of generationjobs is dead: it never told of a"


async def test_a_pod_of_which_a_newer_version_was_never_told_shows_that_the_watch_of_pods_is_dead() -> None:
    site = Site()
    site.state.observe_pod(await site.pod("w"))
    await site.cluster.merge_patch(PODS, "n", "w", {"metadata": {"labels": {"a": "b"}}})
    assert await site.check() == "the watch of pods is dead: it never told of w"


async def test_what_is_gone_by_then_is_no_fault() -> None:
    site = Site()
    made = await site.job("a")
    listed = await site.listed()
    await site.cluster.delete(JOBS, "n", "a", made["metadata"]["uid"])
    assert await site.check(listed) is None


async def test_a_job_that_can_not_be_read_was_told_of_all_the_same() -> None:
    site = Site()
    made: dict[str, Any] = await site.job("a")
    site.state.observe_job(made | {"spec": {"prompt": 7}})
    assert site.state.jobs == {}
    assert await site.check() is None
    site.state.keep_jobs(set(), {"n": int(made["metadata"]["resourceVersion"])})
    assert len(site.state.unreadable) == 0


async def test_before_the_first_decision_the_jobs_of_all_namespaces_are_read_but_of_one_that_is_forbidden() -> (
    None
):
    site = Site()
    names = {
        "n": (await site.job("a"))["metadata"]["uid"],
        "team": (await site.job("a", "team"))["metadata"]["uid"],
    }
    site.cluster.forbidden = frozenset({"team"})
    await site.feeds.prime()
    assert (set(site.state.jobs), site.feeds.followed) == ({names["n"]}, {"n"})

    site.cluster.forbidden = frozenset()
    await site.feeds.prime()
    assert (set(site.state.jobs), site.feeds.followed) == (set(names.values()), {"n", "team"})


async def test_the_operators_own_namespace_is_waited_for() -> None:
    site = Site()
    made = await site.job("a")
    site.cluster.forbidden = frozenset({"n"})

    async def allow(seconds: float) -> None:  # noqa: ARG001 - the protocol's
        site.cluster.forbidden = frozenset()

    site.clock.sleep = allow  # type: ignore[method-assign]
    await site.feeds.prime()
    assert set(site.state.jobs) == {made["metadata"]["uid"]}

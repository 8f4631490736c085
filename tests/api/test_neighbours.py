"""Jobs of further namespaces: shown and counted as kubectl's of the own one are, and otherwise left alone."""

import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from tests.eventually import eventually

from picshapes_api.assembly import Surroundings
from picshapes_api.cluster.job_cache import SILENT_S, CachedJob, JobCache
from picshapes_api.cluster.neighbours import Neighbours
from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds import names
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import (
    JOBS,
    Cluster,
    Event,
    ExpiredError,
    ForbiddenError,
    Json,
    ObjectList,
    Reflector,
    Scope,
)
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all
from picshapes_crds.roles import access

from .conftest import RunningApi, serving
from .test_explain import until
from .test_spine import complete, placed, poll, submit

OWN_ID = "00000000-0000-4000-8000-00000000000a"
FORGED = "00000000-0000-4000-8000-00000000000b"
SUBJECT = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "unprivileged"}


def resource(where: str, uid: str, name: str = "mine", *, by_api: bool = False, phase: str = "Pending") -> Json:
    metadata: Json = {"name": name, "namespace": where, "uid": uid, "resourceVersion": "2", "managedFields": [{}]}
    metadata["creationTimestamp"] = "2026-01-31T12:00:00Z"
    if by_api:
        metadata["labels"] = {names.ORIGIN_LABEL: names.ORIGIN_API}
    return {"metadata": metadata, "spec": {"prompt": "a red circle"}, "status": {"phase": phase}}


class EndedError(Exception):
    """The test's cluster has told everything."""


class Told:
    """A cluster that tells of each namespace what its script holds, one after the other."""

    def __init__(self, script: dict[str, list[ObjectList | Event | Exception]]) -> None:
        self._script = {namespace: iter(steps) for namespace, steps in script.items()}

    async def list_all(self, _: object, scope: Scope) -> Any:
        return self._next(scope)

    async def watch(self, _: object, scope: Scope, __: str) -> AsyncIterator[Any]:
        while True:
            yield self._next(scope)

    def _next(self, scope: Scope) -> ObjectList | Event:
        step = next(self._script[str(scope.namespace)], EndedError())
        if isinstance(step, Exception):
            raise step
        return step


class HandClock(SystemClock):
    """Monotonic time that only the test moves on, or who waits."""

    at_s = 0.0

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


@dataclass
class Watched:
    """The own namespace and its neighbours, as far as a script told of them."""

    cache: JobCache
    neighbours: Neighbours
    clock: HandClock


async def watched(own: list[Any], **others: list[Any]) -> Watched:
    """Follow the own namespace first, and then each of the others, to the end of its script."""
    cluster, clock = cast("Cluster", Told({"own": own, **others})), HandClock()

    def follow(namespace: str) -> Reflector:
        return Reflector(cluster, JOBS, Scope(namespace), clock, random.Random(0))

    cache, neighbours = JobCache(follow("own")), Neighbours({one: follow(one) for one in others})
    with pytest.raises(EndedError):
        await cache.follow()
    cache.take_changes()
    for one in others:
        with pytest.raises(EndedError):
            await neighbours.follow(one)
    return Watched(cache, neighbours, clock)


def listed(*objects: Json) -> ObjectList:
    return ObjectList(list(objects), "1")


def uids(jobs: Iterable[CachedJob]) -> set[str]:
    return {job.uid for job in jobs}


async def test_a_neighbour_that_is_listed_anew_says_nothing_of_the_own_jobs_or_of_other_neighbours() -> None:
    own = resource("own", "own-uid", OWN_ID, by_api=True)
    first, second = resource("there", "first"), resource("there", "second", "other")
    seen = await watched(
        [listed(own)],
        elsewhere=[listed(resource("elsewhere", "third"))],
        there=[listed(first, second), ExpiredError("too old"), listed(second)],
    )
    assert uids(seen.neighbours.current()) == {"second", "third"}
    changes = seen.cache.take_changes()
    assert (changes.relisted, changes.seen, changes.deleted) == (False, {}, {})
    assert (set(seen.cache.all()), seen.cache.unfinished) == ({OWN_ID}, 1)


async def test_jobs_of_one_name_in_two_namespaces_come_change_and_go_by_uid() -> None:
    seen = await watched(
        [listed(resource("own", "own-uid"))],
        here=[
            listed(resource("here", "first")),
            Event("MODIFIED", resource("here", "first", phase="Processing")),
            Event("ADDED", resource("here", "late", "late")),
        ],
        there=[listed(resource("there", "second")), Event("DELETED", resource("there", "second"))],
    )
    first = seen.neighbours.get("first")
    assert first is not None
    assert (first.phase, "managedFields" in first.resource["metadata"]) == ("Processing", False)
    assert uids(seen.neighbours.current()) == {"first", "late"}
    assert [seen.neighbours.get(one) for one in ("second", "mine", "own-uid")] == [None, None, None]
    assert seen.cache.get("own-uid") is not None


async def test_a_neighbours_job_with_the_apis_label_is_known_by_its_uid_alone() -> None:
    forged = resource("there", FORGED, OWN_ID, by_api=True, phase="Completed")
    seen = await watched([listed(resource("own", "own-uid", OWN_ID, by_api=True))], there=[listed(forged)])
    assert seen.neighbours.get(OWN_ID) is None
    job = seen.neighbours.get(FORGED)
    assert job is not None
    assert job.doubtful is False
    assert job.facts(Catalogue.load("demo")).id == FORGED


async def test_a_neighbour_that_may_not_be_read_is_tried_again() -> None:
    refused = ForbiddenError("may not list", 403)
    seen = await watched([listed()], there=[refused, refused, listed(resource("there", "first"))])
    assert uids(seen.neighbours.current()) == {"first"}
    assert seen.clock.at_s > 0


async def test_a_neighbour_that_is_silent_for_long_is_not_in_line_and_its_jobs_are_still_known() -> None:
    seen = await watched([listed()], there=[listed(resource("there", "first"))])
    assert uids(seen.neighbours.current()) == {"first"}
    seen.clock.at_s += SILENT_S
    assert uids(seen.neighbours.current()) == set()
    assert seen.neighbours.get("first") is not None


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@pytest_asyncio.fixture
async def neighbour(admin_api: httpx.AsyncClient, namespace: str) -> str:
    """The name of a second new namespace."""
    name = f"{namespace}-next"
    (await admin_api.post("/api/v1/namespaces", json={"metadata": {"name": name}})).raise_for_status()
    return name


@pytest_asyncio.fixture
async def as_api(
    control_plane: ControlPlane, cluster: KubeCluster, namespace: str, neighbour: str, tmp_path: Path
) -> AsyncIterator[KubeCluster]:
    """A client of the control plane that may do what the API may, in the two namespaces."""
    await apply_all(cluster, access("api", SUBJECT, namespace, [neighbour]))
    path = control_plane.write_kubeconfig(tmp_path / "api", token=control_plane.token(SUBJECT["name"]))
    async with await KubeCluster.connect(path) as connection:
        yield connection


@pytest_asyncio.fixture
async def api(
    surroundings: Surroundings, as_api: KubeCluster, neighbour: str, tmp_path: Path
) -> AsyncIterator[RunningApi]:
    """An API with a neighbour, and with one more that it may not read."""
    neighbours = (neighbour, f"{neighbour}-closed")
    around = replace(surroundings, cluster=as_api, neighbours=neighbours)
    async with serving(around, tmp_path / "pictures") as running:
        yield running


async def by_hand(cluster: KubeCluster, namespace: str, name: str, prompt: str) -> str:
    """Make a job as a kubectl user does, and return its uid."""
    head = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": name}}
    made = await cluster.create(JOBS, namespace, head | {"spec": {"prompt": prompt}})
    return str(made["metadata"]["uid"])


async def shown(http: httpx.AsyncClient, job_id: str) -> Json:
    async def read() -> httpx.Response:
        return await http.get(f"/api/v1/jobs/{job_id}")

    body: Json = (await eventually(read, lambda answer: answer.status_code == 200)).json()
    return body


async def test_a_neighbours_job_is_shown_to_its_picture_by_its_uid_and_never_written(
    api: RunningApi, http: httpx.AsyncClient, cluster: KubeCluster, neighbour: str
) -> None:
    there = replace(api, cluster=cluster, namespace=neighbour)  # written to by those who may
    uid = await by_hand(cluster, neighbour, "mine", "a blue star")
    own_uid = await by_hand(cluster, api.namespace, "mine", "a red circle")
    assert [(await shown(http, one))["prompt"] for one in (uid, own_uid)] == ["a blue star", "a red circle"]
    assert (await http.get(f"/api/v1/jobs/{uid}/result")).status_code == 202
    await complete(there, "mine", uid, b"a blue star's bytes")
    done = await poll(http, uid, "completed")
    assert done["result_url"] == f"{api.url}/results/{uid}.png"
    assert (await http.get(done["result_url"])).content == b"a blue star's bytes"
    assert (await http.get(f"/api/v1/jobs/{uid.upper()}/result")).json() == {"result_url": done["result_url"]}
    assert (await http.get(f"/api/v1/jobs/{uid}/explain")).json()["reason"] == "Succeeded"
    assert (await http.get(f"/api/v1/jobs/{own_uid}")).json()["status"] == "pending"

    caller = await api.user()
    refused = await http.delete(f"/api/v1/jobs/{uid}", headers=caller.headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "JOB_NOT_FOUND")
    assert await api.api.services.jobs.find(uid) is None
    body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": {"name": "theirs"}}
    with pytest.raises(ForbiddenError):
        await api.cluster.create(JOBS, neighbour, body | {"spec": {"prompt": "a"}})
    with pytest.raises(ForbiddenError):
        await api.cluster.merge_patch(JOBS, neighbour, "mine", {"spec": {"cancelRequested": True}})
    with pytest.raises(ForbiddenError):
        await api.cluster.delete(JOBS, neighbour, "mine", uid)

    await cluster.delete(JOBS, neighbour, "mine", uid)
    await eventually(lambda: http.get(f"/api/v1/jobs/{uid}"), lambda answer: answer.status_code == 404)


async def test_a_neighbours_jobs_are_counted_in_the_line_with_what_its_owner_has_used(
    api: RunningApi, http: httpx.AsyncClient, cluster: KubeCluster, neighbour: str
) -> None:
    there = replace(api, cluster=cluster, namespace=neighbour)
    drawn = await by_hand(cluster, neighbour, "drawn", "a red circle")
    waits = await by_hand(cluster, neighbour, "waits", "a red circle")
    await shown(http, waits)
    own = (await submit(http, await api.user()))["id"]
    await placed(api, own)
    behind = {"position": 2, "length": 3, "estimate": True}
    await until(http, own, queue=behind)  # each owner's first job comes before another's second
    await complete(there, "drawn", drawn, b"x")
    await until(http, own, queue={"position": 1, "length": 2, "estimate": True})
    await until(http, waits, queue={"position": 2, "length": 2, "estimate": True})


async def test_a_neighbour_that_may_not_be_read_keeps_nobody_from_work_and_is_found_once_it_may(
    api: RunningApi, http: httpx.AsyncClient, cluster: KubeCluster, admin_api: httpx.AsyncClient, neighbour: str
) -> None:
    closed = f"{neighbour}-closed"
    (await admin_api.post("/api/v1/namespaces", json={"metadata": {"name": closed}})).raise_for_status()
    hidden = await by_hand(cluster, closed, "mine", "a green square")
    await shown(http, await by_hand(cluster, neighbour, "mine", "a blue star"))
    assert (await http.get("/readyz")).status_code == 200
    job = await submit(http, await api.user())
    await placed(api, job["id"])
    assert (await http.get(f"/api/v1/jobs/{hidden}")).status_code == 404
    await apply_all(cluster, access("api", SUBJECT, api.namespace, [closed]))
    assert (await shown(http, hidden))["prompt"] == "a green square"

"""The client of the API server, on a real one: verbs, errors by kind, lists in pages, watches."""

import asyncio
import random

import pytest

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import (
    JOBS,
    AlreadyExistsError,
    Changed,
    ConflictError,
    Deleted,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    Json,
    Listed,
    NotFoundError,
    Reflector,
    Scope,
    UnavailableError,
)
from picshapes_crds.cluster import kube as kube_module
from picshapes_crds.cluster.kube import KubeCluster


def job(name: str) -> Json:
    return {
        "apiVersion": "picshapes.io/v1alpha1",
        "kind": "GenerationJob",
        "metadata": {"name": name},
        "spec": {"prompt": "x"},
    }


async def test_a_taken_name_is_told_from_other_conflicts(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job("a"))
    with pytest.raises(AlreadyExistsError, match='"a" already exists'):
        await cluster.create(JOBS, namespace, job("a"))


async def test_a_missing_object_is_not_found(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        await cluster.get(JOBS, namespace, "a")


async def test_a_delete_with_another_objects_uid_conflicts_and_deletes_nothing(
    cluster: KubeCluster, namespace: str
) -> None:
    made = await cluster.create(JOBS, namespace, job("a"))
    with pytest.raises(ConflictError):
        await cluster.delete(JOBS, namespace, "a", "00000000-0000-0000-0000-000000000000")
    await cluster.delete(JOBS, namespace, "a", made["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await cluster.get(JOBS, namespace, "a")


async def test_a_failed_test_of_a_json_patch_is_invalid(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job("a"))
    patch = [{"op": "test", "path": "/status/attempt", "value": 7}]
    with pytest.raises(InvalidError):
        await cluster.json_patch(JOBS, namespace, "a", patch, "status")


async def test_a_token_without_rights_is_forbidden(
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - it must be there
    namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("kubeconfig") / "unprivileged"
    control_plane.write_kubeconfig(path, token=control_plane.token("unprivileged"))
    async with await KubeCluster.connect(path) as nobody:
        with pytest.raises(ForbiddenError, match="cannot list resource"):
            await nobody.list_all(JOBS, Scope(namespace))


async def test_a_server_that_is_not_there_is_unavailable(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("kubeconfig") / "dead"
    control_plane.write_kubeconfig(path, token="x")  # noqa: S106 - nobody will see it
    path.write_text(path.read_text().replace(control_plane.url, "https://127.0.0.1:1"))
    async with await KubeCluster.connect(path) as nowhere:
        with pytest.raises(UnavailableError, match=r"GET .*: no answer"):
            await nowhere.get(JOBS, "default", "a")


async def test_a_list_reads_all_pages_and_metadata_alone_on_request(
    cluster: KubeCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_module, "PAGE", 2)
    assert (await cluster.list_all(JOBS, Scope(namespace), metadata_only=True)).items == []
    for name in "abcde":
        await cluster.create(JOBS, namespace, job(name))
    found = await cluster.list_all(JOBS, Scope(namespace))
    assert [one["metadata"]["name"] for one in found.items] == list("abcde")
    bare = await cluster.list_all(JOBS, Scope(namespace), metadata_only=True)
    assert [one["metadata"]["name"] for one in bare.items] == list("abcde")
    assert all("spec" not in one for one in bare.items)


async def test_a_list_by_a_selectable_field_shows_only_its_jobs(cluster: KubeCluster, namespace: str) -> None:
    for name in "ab":
        await cluster.create(JOBS, namespace, job(name))
    claimed = {"status": {"phase": "Claimed", "attempt": 1, "workerName": "w"}}
    await cluster.merge_patch(JOBS, namespace, "b", claimed, "status")
    found = await cluster.list_all(JOBS, Scope(namespace, field_selector="status.workerName=w"))
    assert [one["metadata"]["name"] for one in found.items] == ["b"]


async def test_a_watch_from_a_version_too_old_has_expired(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job("a"))
    with pytest.raises(ExpiredError):
        async for _ in cluster.watch(JOBS, Scope(namespace), "1"):
            pass


async def test_a_reflector_lists_then_tells_each_change(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job("a"))
    reflector = Reflector(cluster, JOBS, Scope(namespace), SystemClock(), random.Random(1))
    seen = reflector.observations()
    async with asyncio.timeout(120):
        first = await anext(seen)
        assert isinstance(first, Listed)
        assert [one["metadata"]["name"] for one in first.objects] == ["a"]
        made = await cluster.create(JOBS, namespace, job("b"))
        second = await anext(seen)
        assert isinstance(second, Changed)
        assert second.object["metadata"]["name"] == "b"
        await cluster.delete(JOBS, namespace, "b", made["metadata"]["uid"])
        third = await anext(seen)
        assert isinstance(third, Deleted)
        assert third.object["metadata"]["name"] == "b"
    await seen.aclose()


async def test_a_job_that_leaves_the_selection_is_told_as_deleted(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job("a"))
    await cluster.merge_patch(
        JOBS, namespace, "a", {"status": {"phase": "Claimed", "attempt": 1, "workerName": "w"}}, "status"
    )
    scope = Scope(namespace, field_selector="status.workerName=w")
    seen = Reflector(cluster, JOBS, scope, SystemClock(), random.Random(1)).observations()
    async with asyncio.timeout(120):
        assert isinstance(await anext(seen), Listed)
        back = {"status": {"phase": "Pending", "workerName": None}}
        await cluster.merge_patch(JOBS, namespace, "a", back, "status")
        assert isinstance(await anext(seen), Deleted)
    await seen.aclose()

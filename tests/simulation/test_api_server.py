"""The API server in memory answers as the real one does: the same calls on both, outcome by outcome."""

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from picshapes_crds.cluster import JOBS, LEASES, PODS, Cluster, ExpiredError, InvalidError, Json, Scope
from picshapes_crds.cluster.kube import KubeCluster

from .api_server import ApiServer
from .memory_cluster import MemoryCluster
from .operations import SCOPES, Side, draw, told

STEPS = 80
LAST: Json = {
    "apiVersion": JOBS.api_version,
    "kind": "GenerationJob",
    "metadata": {"name": "z", "labels": {"team": "a", "picshapes.io/origin": "api"}},
    "spec": {"prompt": "x", "model": "flux-schnell", "owner": "someone"},
}


def memory_cluster() -> tuple[ApiServer, MemoryCluster]:
    server = ApiServer(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    return server, MemoryCluster(server)


@pytest.mark.parametrize("seed", range(24))
async def test_random_calls_have_the_outcomes_of_the_real_server(
    seed: int, cluster: KubeCluster, namespace: str
) -> None:
    rng = random.Random(seed)
    real, memory = Side(cluster, namespace), Side(memory_cluster()[1], namespace)
    begin = await _marker(real), await _marker(memory)
    for step in range(STEPS):
        name, operation = draw(rng)
        expected, found = await real.outcome(operation), await memory.outcome(operation)
        assert found == expected, f"step {step}: {name}"
    await _end(real)
    await _end(memory)
    for scope in [one for one in SCOPES if "metadata.name" not in one.field_selector][:-2]:
        async with asyncio.timeout(30):
            expected = await told(real, JOBS, scope, begin[0], "z")
            found = await told(memory, JOBS, scope, begin[1], "z")
        assert found == expected, scope


async def test_leases_and_pods_are_written_and_watched_alike(cluster: KubeCluster, namespace: str) -> None:
    expected = await _lease_and_pod(cluster, namespace)
    found = await _lease_and_pod(memory_cluster()[1], namespace)
    assert found == expected
    assert len(expected) == 11


async def test_a_compacted_version_has_expired() -> None:
    server, memory = memory_cluster()
    made = await memory.create(JOBS, "n", LAST)
    await memory.create(JOBS, "n", LAST | {"metadata": {"name": "y"}})
    server.compact()
    with pytest.raises(ExpiredError):
        await anext(memory.watch(JOBS, Scope("n"), made["metadata"]["resourceVersion"]))


async def test_a_field_that_nobody_may_select_by_is_refused() -> None:
    with pytest.raises(InvalidError):
        await memory_cluster()[1].list_all(JOBS, Scope("n", field_selector="spec.prompt=x"))


async def _marker(side: Side) -> str:
    """Return a version from which a watch sees all that follows."""
    return (await side.cluster.list_all(JOBS, Scope(side.namespace))).resource_version


async def _end(side: Side) -> None:
    """Make a job that every selection comes to see."""
    await side.cluster.create(JOBS, side.namespace, LAST)
    claimed = {"status": {"phase": "Claimed", "attempt": 1, "workerName": "w1"}}
    await side.cluster.merge_patch(JOBS, side.namespace, "z", claimed, "status")
    await side.cluster.merge_patch(JOBS, side.namespace, "z", {"metadata": {"labels": {"team": "b"}}})


async def _lease_and_pod(cluster: Cluster, namespace: str) -> list[Any]:
    """Do with a pod and its lease what workers, operators and kubelets do; return what is comparable of it."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "w", "labels": {"app.kubernetes.io/component": "worker"}},
        "spec": {"schedulerName": "none", "containers": [{"name": "c", "image": "i"}]},
    }
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "w"},
        "spec": {
            "holderIdentity": "p",
            "leaseDurationSeconds": 40,
            "renewTime": "2026-01-01T12:00:00.000000Z",
        },
    }
    start = (await cluster.list_all(PODS, Scope(namespace))).resource_version
    made = await cluster.create(PODS, namespace, pod)
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    found = [
        _pod(made),
        _pod(await cluster.merge_patch(PODS, namespace, "w", ready, "status")),
        _pod(await cluster.merge_patch(PODS, namespace, "w", ready)),
        _pod(await cluster.merge_patch(PODS, namespace, "w", {"metadata": {"labels": {"picshapes.io/x": "1"}}})),
        await _lease(cluster.create(LEASES, namespace, lease)),
        await _lease(cluster.create(LEASES, namespace, lease)),
        await _lease(cluster.merge_patch(LEASES, namespace, "w", {"spec": {"holderIdentity": ""}})),
        await _lease(cluster.merge_patch(LEASES, namespace, "w", {"spec": {"holderIdentity": None}})),
        await _lease(cluster.merge_patch(LEASES, namespace, "w", {"metadata": {"resourceVersion": "1"}})),
        await _lease(cluster.merge_patch(LEASES, namespace, "nobody", {"spec": {"holderIdentity": "p"}})),
    ]
    await cluster.delete(PODS, namespace, "w", made["metadata"]["uid"])
    again = await cluster.create(PODS, namespace, pod)
    await cluster.delete(PODS, namespace, "w", again["metadata"]["uid"], grace_s=0)
    await cluster.create(PODS, namespace, pod | {"metadata": {"name": "last", "labels": {"a": "b"}}})
    async with asyncio.timeout(30):
        told_of = []
        async for event in cluster.watch(PODS, Scope(namespace), start):
            if event.type != "BOOKMARK":
                told_of.append((event.type, _pod(event.object)))
            if event.object["metadata"]["name"] == "last":
                break
    return [*found, told_of]


def _pod(pod: Json) -> Json:
    conditions = [(one["type"], one["status"]) for one in pod["status"].get("conditions", [])]
    return {
        "labels": pod["metadata"]["labels"],
        "phase": pod["status"]["phase"],
        "conditions": conditions,
        "terminating": "deletionTimestamp" in pod["metadata"],
    }


async def _lease(call: Any) -> Any:
    try:
        return (await call)["spec"]
    except Exception as error:  # noqa: BLE001 - which one it is, is what is compared
        return type(error).__name__

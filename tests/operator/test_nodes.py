"""The watch of cordoned nodes, on a real API server, with and without the right to read nodes."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
import structlog

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import NODES, Json, Kind
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER
from picshapes_crds.roles import OPERATOR_CLUSTER_RULES
from picshapes_crds.workers import lease_body, read_pod, worker_labels
from picshapes_operator.nodes import follow_nodes
from picshapes_operator.state import ClusterState

SEEN_WITHIN_S = 120
RBAC = "rbac.authorization.k8s.io"


class WaitingClock(SystemClock):
    """A clock on which a long sleep ends when the test says so."""

    def __init__(self) -> None:
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self.over = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.put_nowait(seconds)
        await self.over.acquire()


def state_with_worker_on(node: str) -> ClusterState:
    state = ClusterState(Catalogue.load("demo"), SystemClock())
    pod: dict[str, Any] = {
        "metadata": {"name": "w", "namespace": "n", "uid": "uid-w", "resourceVersion": "1"},
        "spec": {"nodeName": node},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    pod["metadata"]["labels"] = worker_labels(8000, "demo", {}) | {COMPONENT_LABEL: COMPONENT_WORKER}
    state.observe_pod(pod)
    clock = SystemClock()
    state.fleet.leases_listed([lease_body(read_pod(pod), "id", frozenset(), clock.now())], clock.monotonic())
    return state


async def until_accepting(state: ClusterState, *, accepting: bool) -> None:
    """Wait, woken as the loop is, until the worker takes new jobs, or takes no more."""
    async with asyncio.timeout(SEEN_WITHIN_S):
        while [worker.accepting for worker in state.workers()] != [accepting]:
            await state.changed.wait()
            state.changed.clear()


@pytest_asyncio.fixture
async def node(cluster: KubeCluster) -> AsyncIterator[str]:
    """A node of this test."""
    name = f"node-{uuid.uuid4().hex[:8]}"
    made = await cluster.create(NODES, "", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    yield name
    await cluster.delete(NODES, "", name, made["metadata"]["uid"])


@pytest_asyncio.fixture
async def nobody(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    """A client that may read no nodes."""
    path = control_plane.write_kubeconfig(tmp_path / "nobody", token=control_plane.token("unprivileged"))
    async with await KubeCluster.connect(path) as connection:
        yield connection


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_cordons_are_seen_before_and_after_the_watch_begins(cluster: KubeCluster, node: str) -> None:
    state = state_with_worker_on(node)
    await cluster.merge_patch(NODES, "", node, {"spec": {"unschedulable": True}})
    following = asyncio.create_task(follow_nodes(cluster, state, SystemClock(), random.Random(1)))
    await until_accepting(state, accepting=False)
    await cluster.merge_patch(NODES, "", node, {"spec": {"unschedulable": None}})
    await until_accepting(state, accepting=True)
    await cluster.merge_patch(NODES, "", node, {"spec": {"unschedulable": True}})
    await until_accepting(state, accepting=False)
    await stop(following)


def cluster_role(kind: str, name: str, **body: Any) -> Json:
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": {"name": name}, **body}


async def test_without_the_right_it_says_so_once_and_the_operators_cluster_rules_give_it(
    cluster: KubeCluster, nobody: KubeCluster, node: str
) -> None:
    state, clock = state_with_worker_on(node), WaitingClock()
    await cluster.merge_patch(NODES, "", node, {"spec": {"unschedulable": True}})
    with structlog.testing.capture_logs() as logs:
        following = asyncio.create_task(follow_nodes(nobody, state, clock, random.Random(1)))
        async with asyncio.timeout(SEEN_WITHIN_S):
            for _ in range(3):
                assert await clock.slept.get() == 300
                clock.over.release()
    assert [one["event"] for one in logs] == ["nodes.not_watched"]
    assert "cannot list resource" in logs[0]["error"]
    assert [worker.accepting for worker in state.workers()] == [True]

    made = [
        (Kind(f"{RBAC}/v1", "clusterroles"), cluster_role("ClusterRole", node, rules=OPERATOR_CLUSTER_RULES)),
        (
            Kind(f"{RBAC}/v1", "clusterrolebindings"),
            cluster_role(
                "ClusterRoleBinding",
                node,
                roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": node},
                subjects=[{"apiGroup": RBAC, "kind": "User", "name": "unprivileged"}],
            ),
        ),
    ]
    uids = [(kind, (await cluster.apply(kind, body))["metadata"]["uid"]) for kind, body in made]
    for _ in range(10_000):  # it asks again and again, until the right has reached the authorizer
        clock.over.release()
    await until_accepting(state, accepting=False)
    await stop(following)
    for kind, uid in uids:
        await cluster.delete(kind, "", node, uid)

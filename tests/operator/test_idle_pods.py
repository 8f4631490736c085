"""The pods of idle workers on a real API server: marked and unmarked, with and without the right to patch them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
import structlog
from prometheus_client import CollectorRegistry

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import PODS, Json, Kind, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER, DELETION_COST_ANNOTATION
from picshapes_crds.roles import OPERATOR_SCALING_RULES
from picshapes_crds.workers import lease_body, read_pod, worker_labels
from picshapes_operator.idle_pods import IdlePods
from picshapes_operator.metrics import Metrics
from picshapes_operator.state import ClusterState

WRITTEN_WITHIN_S = 120
RBAC = "rbac.authorization.k8s.io"


class SteppedClock(SystemClock):
    """A clock that moves only by sleeping, a sleep at a time, when the test says so."""

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.slept: list[float] = []
        self.asleep = asyncio.Event()
        self._over = asyncio.Semaphore(0)

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        await self._over.acquire()
        self.at_s += seconds

    async def pass_sleeps(self, count: int) -> None:
        """Let so many sleeps end, and wait for what follows each."""
        for _ in range(count):
            async with asyncio.timeout(WRITTEN_WITHIN_S):
                await self.asleep.wait()
                self.asleep.clear()
                self._over.release()
                await self.asleep.wait()


class Pool:
    """Workers' pods on the API server, what an operator sees of them, and the part under test."""

    def __init__(self, cluster: KubeCluster, namespace: str) -> None:
        self.cluster, self.namespace, self.clock = cluster, namespace, SteppedClock()
        self.state = ClusterState(Catalogue.load("demo"), self.clock)
        self.metrics = Metrics(CollectorRegistry())
        self.leads = True
        self._leases: list[Json] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def add(self, name: str) -> Json:
        """Make a pod whose worker is ready and holds nothing."""
        labels = worker_labels(8000, "demo", {"flux-schnell": ""}) | {COMPONENT_LABEL: COMPONENT_WORKER}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [{"name": "worker", "image": "none"}], "schedulerName": "nobody"},
        }
        await self.cluster.create(PODS, self.namespace, body)
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        pod = await self.cluster.merge_patch(PODS, self.namespace, name, {"status": status}, "status")
        self.state.observe_pod(pod)
        self._leases.append(lease_body(read_pod(pod), f"process-{name}", frozenset(), self.clock.now()))
        return pod

    def claim(self, name: str) -> None:
        """Let the worker hold a job from now on."""
        spec = {"prompt": "a red circle", "model": "flux-schnell", "tier": "basic"}
        metadata = {
            "name": f"job-{name}",
            "namespace": self.namespace,
            "uid": f"job-{name}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T12:00:00Z",
        }
        status = {"phase": "Claimed", "attempt": 1, "workerName": name, "workerID": f"process-{name}"}
        self.state.observe_job({"metadata": metadata, "spec": spec, "status": status})

    def follow(self, cluster: KubeCluster | None = None) -> None:
        """Begin to mark pods, with the credentials of this client."""
        self.state.fleet.keep_pods(set(), 0)
        self.state.fleet.leases_listed(self._leases, self.clock.monotonic())
        idle = IdlePods(cluster or self.cluster, self.namespace, self.state, self.clock, self.metrics)
        self._tasks.append(asyncio.create_task(idle.run(lambda: self.leads)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def costs(self) -> dict[str, str | None]:
        """Return the deletion cost of each pod, as the API server has it."""
        pods = await self.cluster.list_all(PODS, Scope(self.namespace))
        return {
            pod["metadata"]["name"]: pod["metadata"].get("annotations", {}).get(DELETION_COST_ANNOTATION)
            for pod in pods.items
        }

    def written(self, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "picshapes_operator_writes_total", {"verb": "mark_idle", "outcome": outcome}
        )
        return value or 0.0


@pytest_asyncio.fixture
async def pool(cluster: KubeCluster, namespace: str) -> AsyncIterator[Pool]:
    made = Pool(cluster, namespace)
    yield made
    await made.stop()


async def test_the_pod_of_an_idle_worker_is_marked_and_a_job_takes_the_mark_away(pool: Pool) -> None:
    await pool.add("idle")
    await pool.add("busy")
    pool.claim("busy")
    pool.follow()
    await pool.clock.pass_sleeps(5)
    assert await pool.costs() == {"idle": None, "busy": None}
    await pool.clock.pass_sleeps(1)
    assert await pool.costs() == {"idle": "-1", "busy": None}

    pool.claim("idle")
    await pool.clock.pass_sleeps(1)
    assert await pool.costs() == {"idle": None, "busy": None}
    await pool.clock.pass_sleeps(10)
    assert pool.written("done") == 2
    assert set(pool.clock.slept) == {5.0}


async def test_an_operator_that_does_not_lead_marks_nothing_and_begins_anew_once_it_leads(pool: Pool) -> None:
    await pool.add("idle")
    pool.follow()
    await pool.clock.pass_sleeps(2)
    pool.leads = False
    await pool.clock.pass_sleeps(10)
    pool.leads = True
    await pool.clock.pass_sleeps(6)  # the first of these looks is the one at which it begins to idle
    assert await pool.costs() == {"idle": None}
    await pool.clock.pass_sleeps(1)
    assert await pool.costs() == {"idle": "-1"}


async def test_a_pod_made_again_under_the_same_name_is_not_taken_for_the_one_that_idled(pool: Pool) -> None:
    old = await pool.add("idle")
    pool.follow()
    await pool.clock.pass_sleeps(5)
    await pool.cluster.delete(PODS, pool.namespace, "idle", old["metadata"]["uid"], grace_s=0)
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "idle"}, "spec": old["spec"]}
    await pool.cluster.create(PODS, pool.namespace, body)
    await pool.clock.pass_sleeps(1)
    assert (await pool.costs(), pool.written("gone"), pool.written("done")) == ({"idle": None}, 1, 0)


@pytest_asyncio.fixture
async def nobody(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[KubeCluster]:
    """A client that may patch no pods."""
    path = control_plane.write_kubeconfig(tmp_path / "nobody", token=control_plane.token("unprivileged"))
    async with await KubeCluster.connect(path) as connection:
        yield connection


async def test_without_the_right_it_says_so_once_asks_seldom_and_the_scaling_rules_give_it(
    pool: Pool, nobody: KubeCluster
) -> None:
    await pool.add("idle")
    with structlog.testing.capture_logs() as logs:
        pool.follow(nobody)
        await pool.clock.pass_sleeps(9)
    assert pool.clock.slept == [5.0] * 6 + [300.0] * 4
    assert [one["event"] for one in logs] == ["pods.not_marked"]
    assert "cannot patch resource" in logs[0]["error"]

    metadata = {"name": "marks-idle-pods", "namespace": pool.namespace}
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": OPERATOR_SCALING_RULES}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "marks-idle-pods"},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "unprivileged"}],
    }
    await pool.cluster.create(Kind(f"{RBAC}/v1", "roles"), pool.namespace, role)
    await pool.cluster.create(Kind(f"{RBAC}/v1", "rolebindings"), pool.namespace, binding)
    async with asyncio.timeout(WRITTEN_WITHIN_S):
        while not pool.written("done"):  # until the right has reached the authorizer
            await pool.clock.pass_sleeps(1)
    assert await pool.costs() == {"idle": "-1"}

"""The Pod objects of this machine's workers, on a real API server."""

import stat
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.up.cluster import namespace_objects
from picshapes_cli.up.pods import WorkerPods, pod_body, worker_kubeconfig
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import PODS, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all


@pytest_asyncio.fixture
async def pods(cluster: KubeCluster, namespace: str) -> WorkerPods:
    await apply_all(cluster, namespace_objects(namespace))
    return WorkerPods(cluster, namespace, SystemClock())


async def names(cluster: KubeCluster, namespace: str) -> list[str]:
    found = await cluster.list_all(PODS, Scope(namespace))
    return sorted(pod["metadata"]["name"] for pod in found.items)


async def test_a_pod_is_ready_when_its_process_is(cluster: KubeCluster, namespace: str, pods: WorkerPods) -> None:
    await pods.create("worker-0")
    for ready in (True, False):
        await pods.report("worker-0", ready=ready)
        status = (await cluster.get(PODS, namespace, "worker-0"))["status"]
        assert status["phase"] == "Running"
        assert [(one["type"], one["status"]) for one in status["conditions"]] == [("Ready", str(ready))]


async def test_only_the_pods_of_this_machines_workers_are_cleared(
    cluster: KubeCluster, namespace: str, pods: WorkerPods
) -> None:
    await pods.create("worker-0")
    await pods.create("worker-1")
    elsewhere = pod_body("elsewhere")
    del elsewhere["metadata"]["labels"]["picshapes.io/local"]
    await cluster.create(PODS, namespace, elsewhere)

    await pods.clear()
    assert await names(cluster, namespace) == ["elsewhere"]


async def test_the_end_of_a_run_takes_its_pods_along(
    cluster: KubeCluster, namespace: str, pods: WorkerPods
) -> None:
    await pods.create("worker-0")
    await pods.leave()

    assert await names(cluster, namespace) == []


async def test_a_cluster_that_is_gone_does_not_keep_a_run_from_ending(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    server = {"name": "gone", "cluster": {"server": "http://127.0.0.1:9"}}  # the discard port: nobody listens
    context = {"name": "gone", "context": {"cluster": "gone", "user": "me"}}
    users = [{"name": "me", "user": {"token": "t"}}]
    config = {"clusters": [server], "contexts": [context], "users": users, "current-context": "gone"}
    kubeconfig.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))

    async with await KubeCluster.connect(kubeconfig) as gone:
        await WorkerPods(gone, "picshapes", SystemClock()).leave()


async def test_a_workers_kubeconfig_is_private_and_shows_the_token_of_its_pod(
    control_plane: ControlPlane, cluster: KubeCluster, namespace: str, pods: WorkerPods, tmp_path: Path
) -> None:
    own = tmp_path / "worker.kubeconfig"
    token = await pods.token(await pods.create("worker-0"))
    worker_kubeconfig(control_plane.admin_kubeconfig, own, token)

    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert yaml.safe_load(own.read_text())["users"] == [{"name": "worker", "user": {"token": token}}]
    async with await KubeCluster.connect(own) as worker:
        pod = await worker.get(PODS, namespace, "worker-0")
        assert pod["metadata"]["uid"] == (await cluster.get(PODS, namespace, "worker-0"))["metadata"]["uid"]


async def test_a_worker_is_refused_what_its_role_does_not_name(
    control_plane: ControlPlane, admin_api: httpx.AsyncClient, namespace: str, pods: WorkerPods
) -> None:
    token = await pods.token(await pods.create("worker-0"))

    async with control_plane.http_client(token) as api:
        assert (await api.get(f"/api/v1/namespaces/{namespace}/secrets")).status_code == 403
        assert (await api.get(f"/api/v1/namespaces/{namespace}/pods")).status_code == 403
    assert (await admin_api.get(f"/api/v1/namespaces/{namespace}/secrets")).status_code == 200


def test_a_pod_is_placed_by_no_scheduler_and_restricted() -> None:
    spec = pod_body("worker-0")["spec"]

    assert spec["schedulerName"] == "picshapes-up"
    assert spec["automountServiceAccountToken"] is False
    assert spec["containers"][0]["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("name", ["worker-0", "worker-11"])
def test_a_pod_is_labelled_as_a_worker_of_this_machine(name: str) -> None:
    assert pod_body(name)["metadata"] == {
        "name": name,
        "labels": {"app.kubernetes.io/component": "worker", "picshapes.io/local": "true"},
    }

"""The operator as a process on a real API server: how it starts and ends."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.processes import Child, Children, ChildSpec
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, LEASES, PODS, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import API_VERSION, COMPONENT_LABEL, COMPONENT_WORKER, DELETION_COST_ANNOTATION, KIND
from picshapes_crds.workers import lease_body, read_pod, worker_labels

READY_WITHIN_S = 120.0
SEEN_WITHIN_S = 120.0


@pytest_asyncio.fixture
async def probes() -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps its connection open, as a supervisor's does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client


@pytest_asyncio.fixture
async def operator(
    cluster: KubeCluster,  # noqa: ARG001 - jobs must be defined
    control_plane: ControlPlane,
    namespace: str,
    probes: httpx.AsyncClient,
    tmp_path: Path,
) -> AsyncIterator[Child]:
    env = os.environ | {
        "PICSHAPES_KUBECONFIG": str(control_plane.admin_kubeconfig),
        "PICSHAPES_NAMESPACE": namespace,
        "PICSHAPES_PROBE_PORT": str(probes.base_url.port),
        "PICSHAPES_LOG_FORMAT": "text",
        "PICSHAPES_MARK_IDLE": "true",
    }
    argv = [sys.executable, "-m", "picshapes_operator"]
    async with Children() as children:
        spec = ChildSpec("operator", argv, tmp_path / "operator.log", env=env, stop_timeout_s=60)
        child = await children.start(spec)
        await child.wait_ready("/readyz", client=probes, timeout_s=READY_WITHIN_S)
        yield child


async def test_on_sigterm_it_gives_its_lease_up_and_ends_well_with_a_probe_connection_open(
    operator: Child, probes: httpx.AsyncClient, cluster: KubeCluster, namespace: str
) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while "picshapes_operator_leader 1.0" not in (await probes.get("/metrics")).text:
            assert operator.returncode is None

    assert await operator.stop() == 0
    lease = await cluster.get(LEASES, namespace, "picshapes-operator")
    assert lease["spec"]["holderIdentity"] == ""


async def test_a_worker_that_was_marked_as_idle_loses_the_mark_with_its_next_job(
    operator: Child, cluster: KubeCluster, namespace: str
) -> None:
    catalogue = Catalogue.load("demo")
    weights = {model: one.weights.revision_id for model, one in catalogue.models.items()}
    labels = worker_labels(8000, catalogue.profile, weights) | {COMPONENT_LABEL: COMPONENT_WORKER}
    metadata = {"name": "w", "labels": labels, "annotations": {DELETION_COST_ANNOTATION: "-1"}}
    spec = {"containers": [{"name": "worker", "image": "none"}], "schedulerName": "nobody"}
    await cluster.create(PODS, namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = await cluster.merge_patch(PODS, namespace, "w", {"status": status}, "status")
    lease = lease_body(read_pod(pod), "process-w", frozenset(), SystemClock().now())
    await cluster.create(LEASES, namespace, lease)
    job = {"metadata": {"name": "job"}, "spec": {"prompt": "a red circle"}}
    await cluster.create(JOBS, namespace, {"apiVersion": API_VERSION, "kind": KIND, **job})

    version = pod["metadata"]["resourceVersion"]
    async with asyncio.timeout(SEEN_WITHIN_S):
        async for event in cluster.watch(PODS, Scope(namespace), version):
            annotations = event.object["metadata"].get("annotations", {})
            if event.type == "MODIFIED" and DELETION_COST_ANNOTATION not in annotations:
                break
    held = await cluster.get(JOBS, namespace, "job")
    assert (held["status"]["phase"], held["status"]["workerName"]) == ("Claimed", "w")
    assert operator.returncode is None


async def test_it_says_in_one_sentence_what_is_wrong_with_its_settings(tmp_path: Path) -> None:
    env = os.environ | {"PICSHAPES_CATALOGUE": "/nowhere/catalogue.yaml"}
    argv = [sys.executable, "-m", "picshapes_operator"]
    async with Children() as children:
        child = await children.start(ChildSpec("operator", argv, tmp_path / "operator.log", env=env))
        assert await child.wait() == 2
        assert child.log.tail() == (
            "picshapes operator: can't read the catalogue /nowhere/catalogue.yaml: No such file or directory"
        )


async def test_wrong_settings_are_told_in_one_sentence_each(control_plane: ControlPlane, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = {
            "can't serve probes at 127.0.0.1": {"PICSHAPES_PROBE_PORT": str(port)},
            "can't read the catalogue /none.yaml: No such file or directory": {
                "PICSHAPES_CATALOGUE": "/none.yaml"
            },
            "wrong settings: PICSHAPES_LOG_LEVEL: Input should be": {"PICSHAPES_LOG_LEVEL": "loud"},
            "wrong settings: PICSHAPES_POOLS.0.vram_mib: Input should be": {
                "PICSHAPES_POOLS": '[{"name": "a", "vram_mib": 0}]'
            },
            'error parsing value for field "pools"': {"PICSHAPES_POOLS": "[{"},
            "wrong settings: PICSHAPES_JOB_NAMESPACES.1: String should match pattern": {
                "PICSHAPES_JOB_NAMESPACES": "team-a, Team_B"
            },
            "wrong settings: PICSHAPES_JOB_NAMESPACES: Tuple should have at most 100 items": {
                "PICSHAPES_JOB_NAMESPACES": ",".join(f"team-{number}" for number in range(101))
            },
        }
        for sentence, wrong in told.items():
            env = os.environ | {"PICSHAPES_KUBECONFIG": str(control_plane.admin_kubeconfig)} | wrong
            argv = [sys.executable, "-m", "picshapes_operator"]
            async with Children() as children:
                child = await children.start(ChildSpec("operator", argv, tmp_path / "wrong.log", env=env))
                assert await child.wait() == 2
            assert sentence in child.log.tail()
            assert "\n" not in child.log.tail().strip()

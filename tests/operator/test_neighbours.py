"""The operator with its own credentials, and jobs in a namespace that it may read at times."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.chaos.proxy import TcpProxy
from tests.eventually import eventually

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.processes import Child, Children, ChildSpec
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, LEASES, PODS, Json, Kind, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all
from picshapes_crds.names import API_VERSION, COMPONENT_LABEL, COMPONENT_WORKER, KIND
from picshapes_crds.roles import access
from picshapes_crds.workers import lease_body, read_pod, worker_labels

pytestmark = pytest.mark.timeout(300)

WITHIN_S = 120.0
ACCOUNT = "operator"
BINDINGS = Kind("rbac.authorization.k8s.io/v1", "rolebindings")


class Site:
    """An operator that runs in one namespace and is to look after two, and a worker that it can claim for."""

    def __init__(self, cluster: KubeCluster, plane: ControlPlane, namespace: str, folder: Path) -> None:
        self.cluster, self._plane, self.own, self._folder = cluster, plane, namespace, folder
        self.neighbour = f"{namespace}-team"
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
        roles = access("operator", subject, namespace, [self.neighbour])
        self.rights = [role for role in roles if role["metadata"]["namespace"] == self.neighbour]
        self._own_rights = [role for role in roles if role not in self.rights]

    async def prepare(self) -> None:
        """Make everything but what the operator may do in the neighbour's namespace."""
        place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.neighbour}}
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": self.own},
        }
        await apply_all(self.cluster, [place, account, *self._own_rights])
        catalogue = Catalogue.load("demo")
        weights = {model: one.weights.revision_id for model, one in catalogue.models.items()}
        labels = worker_labels(8000, catalogue.profile, weights) | {COMPONENT_LABEL: COMPONENT_WORKER}
        metadata = {"name": "w", "labels": labels}
        spec = {"containers": [{"name": "worker", "image": "none"}], "schedulerName": "nobody"}
        await self.cluster.create(PODS, self.own, {"metadata": metadata, "spec": spec})
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        pod = await self.cluster.merge_patch(PODS, self.own, "w", {"status": status}, "status")
        lease = lease_body(
            read_pod(pod), "process-w", frozenset(), SystemClock().now(), neighbours=[self.neighbour]
        )
        await self.cluster.create(LEASES, self.own, lease)

    async def start(self, children: Children, proxy: TcpProxy, client: httpx.AsyncClient) -> Child:
        """Start the operator behind a proxy, and wait until it is Ready."""
        accounts = Kind("v1", f"serviceaccounts/{ACCOUNT}/token")
        answer = await self.cluster.create(accounts, self.own, {"spec": {}})
        config = self._plane.write_kubeconfig(self._folder / "config", token=answer["status"]["token"])
        config.write_text(config.read_text().replace(self._plane.url, f"https://127.0.0.1:{proxy.port}"))
        env = os.environ | {
            "PICSHAPES_KUBECONFIG": str(config),
            "PICSHAPES_NAMESPACE": self.own,
            "PICSHAPES_JOB_NAMESPACES": self.neighbour,
            "PICSHAPES_PROBE_PORT": str(client.base_url.port),
            "PICSHAPES_LOG_FORMAT": "text",
            "PICSHAPES_WATCH_NODES": "false",
        }
        argv = [sys.executable, "-m", "picshapes_operator"]
        spec = ChildSpec("operator", argv, self._folder / "operator.log", env=env, stop_timeout_s=60)
        child = await children.start(spec)
        await child.wait_ready("/readyz", client=client, timeout_s=WITHIN_S)
        return child

    async def job(self, namespace: str, name: str) -> Json:
        """Create a job."""
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}}
        return await self.cluster.create(JOBS, namespace, body | {"spec": {"prompt": "a red circle"}})

    async def becomes(self, job: Json, phase: str) -> dict[str, Any]:
        """Wait until a job has come to a phase, and return its status."""
        metadata = job["metadata"]
        scope = Scope(metadata["namespace"], field_selector=f"metadata.name={metadata['name']}")
        async with asyncio.timeout(WITHIN_S):
            while True:
                listed = await self.cluster.list_all(JOBS, scope)
                for one in listed.items:
                    if one["status"]["phase"] == phase:
                        return dict(one["status"])
                async for event in self.cluster.watch(JOBS, scope, listed.resource_version):
                    if event.type != "BOOKMARK" and event.object["status"]["phase"] == phase:
                        return dict(event.object["status"])


@pytest_asyncio.fixture
async def site(
    cluster: KubeCluster, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> AsyncIterator[Site]:
    made = Site(cluster, control_plane, namespace, tmp_path)
    await made.prepare()
    yield made


async def readable(client: httpx.AsyncClient, namespace: str) -> str:
    """Return what the operator tells Prometheus of a neighbour."""
    name = f'picshapes_job_namespace_readable{{job_namespace="{namespace}"}} '
    text = (await client.get("/metrics")).text
    return next(line.removeprefix(name) for line in text.splitlines() if line.startswith(name))


async def knows(client: httpx.AsyncClient, count: int) -> None:
    """Wait until the operator knows of so many jobs; kopf tries for a minute to read a namespace again."""

    async def known() -> float:
        lines = (await client.get("/metrics")).text.splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith("picshapes_jobs{"))

    await eventually(known, lambda found: found == count, WITHIN_S)


async def test_a_neighbour_is_looked_after_whenever_it_may_be_read(
    site: Site, control_plane: ControlPlane
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    server_port = httpx.URL(control_plane.url).port
    assert server_port is not None
    theirs = await site.job(site.neighbour, "same")
    async with (
        httpx.AsyncClient(base_url=address, trust_env=False) as client,
        TcpProxy(lambda: server_port) as proxy,
        Children() as children,
    ):
        operator = await site.start(children, proxy, client)
        await site.becomes(await site.job(site.own, "same"), "Claimed")
        await knows(client, 1)
        assert await readable(client, site.neighbour) == "0.0"

        await apply_all(site.cluster, site.rights)
        assert (await site.becomes(theirs, "Claimed"))["workerName"] == "w"
        await knows(client, 2)
        assert await readable(client, site.neighbour) == "1.0"

        binding = site.rights[-1]["metadata"]["name"]
        made = await site.cluster.get(BINDINGS, site.neighbour, binding)
        await site.cluster.delete(BINDINGS, site.neighbour, binding, made["metadata"]["uid"])
        proxy.reset()
        await knows(client, 1)
        await site.job(site.own, "meanwhile")
        await knows(client, 2)
        assert (await client.get("/readyz")).status_code == 200
        assert await readable(client, site.neighbour) == "0.0"

        await apply_all(site.cluster, site.rights)
        await knows(client, 3)
        assert operator.returncode is None
        assert await operator.stop() == 0

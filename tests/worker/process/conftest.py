"""Workers as processes, each with the least-power token of its own Pod, on a real API server."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
import yaml

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.processes import Child, Children, ChildSpec
from picshapes_crds import patches
from picshapes_crds.catalogue import Catalogue, packaged
from picshapes_crds.cluster import JOBS, LEASES, PODS, Event, Json, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.cluster.protocol import Kind
from picshapes_crds.install import apply_all
from picshapes_crds.part_policies import worker_policies
from picshapes_crds.phases import TERMINAL, Reason
from picshapes_crds.resolve import resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.roles import access

READY_WITHIN_S = 120.0
SEEN_WITHIN_S = 60.0
ACCOUNT = "picshapes-worker"
BINDINGS_KIND = "RoleBinding"
BINDINGS = Kind("rbac.authorization.k8s.io/v1", "rolebindings")


@dataclass(frozen=True)
class Worker:
    """A worker process and the pod that it plays in."""

    child: Child
    pod_name: str
    probes: str
    storage: Path

    async def probe(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.probes, trust_env=False) as client:
            return await client.get(path)

    async def until_answers(self, path: str) -> None:
        """Wait until a probe answers 2xx."""
        async with httpx.AsyncClient(trust_env=False) as client:
            await self.child.wait_ready(f"{self.probes}{path}", client=client, timeout_s=READY_WITHIN_S)


class Station:
    """One namespace with a worker's role and policies, in which workers are started and jobs are claimed.

    Jobs can be in another one as well: its name is `neighbour`, and `found_neighbour` makes it.
    """

    def __init__(
        self,
        cluster: KubeCluster,
        plane: ControlPlane,
        namespace: str,
        folder: Path,
        children: Children,
        ports: ExitStack,
    ) -> None:
        self.cluster, self.namespace, self.folder = cluster, namespace, folder
        self.neighbour = f"{namespace}-team"
        self._plane, self._children = plane, children
        self._ports = ports
        """Holds the probes' ports for as long as the station lasts."""

    async def prepare(self) -> None:
        """Make the service account, its role and the policies that narrow it."""
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": self.namespace},
        }
        policies = worker_policies(self.namespace, ACCOUNT, f"worker-{self.namespace}")
        await apply_all(self.cluster, [account, *self._access(self.namespace), *policies])

    async def found_neighbour(self) -> dict[str, str]:
        """Make another namespace, in which a worker may do nothing; return the settings that name it."""
        await apply_all(
            self.cluster, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.neighbour}}]
        )
        return {"PICSHAPES_JOB_NAMESPACES": self.neighbour}

    async def allow_neighbour(self) -> None:
        """Let workers look after the neighbour's jobs."""
        await apply_all(self.cluster, self._access(self.neighbour))

    async def deny_neighbour(self) -> None:
        """Delete the binding by which workers may do so."""
        name = next(
            one["metadata"]["name"] for one in self._access(self.neighbour) if one["kind"] == BINDINGS_KIND
        )
        metadata = (await self.cluster.get(BINDINGS, self.neighbour, name))["metadata"]
        await self.cluster.delete(BINDINGS, self.neighbour, name, metadata["uid"])

    def _access(self, namespace: str) -> list[Json]:
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}
        roles = access("worker", subject, self.namespace, [self.neighbour])
        return [one for one in roles if one["metadata"]["namespace"] == namespace]

    def kubeconfig(self, pod_name: str) -> Path:
        """Return the file with the credentials of a pod's worker."""
        return self.folder / f"{pod_name}.kubeconfig"

    async def pod_token(self, name: str) -> str:
        """Make a Pod object and return a token bound to it."""
        pod = {
            "metadata": {"name": name, "labels": {"app.kubernetes.io/component": "worker"}},
            "spec": {"serviceAccountName": ACCOUNT, "containers": [{"name": "worker", "image": "worker"}]},
        }
        made = await self.cluster.create(PODS, self.namespace, pod)
        reference = {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": made["metadata"]["uid"]}
        accounts = Kind("v1", f"serviceaccounts/{ACCOUNT}/token")
        answer = await self.cluster.create(accounts, self.namespace, {"spec": {"boundObjectRef": reference}})
        return str(answer["status"]["token"])

    async def start(
        self,
        name: str,
        settings: Mapping[str, str],
        *,
        ready: bool = True,
        token: str | None = None,
        program: Sequence[str] = ("-m", "picshapes_worker"),
    ) -> Worker:
        """Start a worker, in a new pod of this name if no token of one is given; wait until it is ready."""
        kubeconfig = self.kubeconfig(name)
        if not kubeconfig.exists():
            self._plane.write_kubeconfig(kubeconfig, token=token or await self.pod_token(name))
        storage = self.folder / "pictures"
        port = self._ports.enter_context(reserved_port())
        env = os.environ | {
            "PICSHAPES_POD_NAME": name,
            "PICSHAPES_NAMESPACE": self.namespace,
            "PICSHAPES_KUBECONFIG": str(kubeconfig),
            "PICSHAPES_STORAGE_URL": storage.as_uri(),
            "PICSHAPES_PROBE_PORT": str(port),
            "PICSHAPES_ENGINE": "null",
            "PICSHAPES_LOG_FORMAT": "text",
            **settings,
        }
        argv = [sys.executable, *program]
        log_path = self.folder / f"{name}-{port}.log"
        child = await self._children.start(ChildSpec(name, argv, log_path, env=env, stop_timeout_s=30))
        worker = Worker(child, name, f"http://127.0.0.1:{port}", storage)
        if ready:
            await worker.until_answers("/readyz")
        return worker

    async def create(self, name: str, namespace: str | None = None, **spec: Any) -> GenerationJob:
        """Create a job; by default in the workers' own namespace, as all that follow."""
        body = {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "metadata": {"name": name},
            "spec": {"prompt": "a red circle", "model": "flux-schnell", "width": 256, "height": 256} | spec,
        }
        return GenerationJob.parse(await self.cluster.create(JOBS, namespace or self.namespace, body))

    async def claim(self, job: GenerationJob, worker: Worker, worker_id: str | None = None) -> GenerationJob:
        """Do what the operator does: give a job to the process that holds the worker's Lease."""
        resolved = resolve(job.spec, Catalogue.load("demo"))
        assert isinstance(resolved, Resolved)
        holder = worker_id or (await self.lease(worker))["spec"]["holderIdentity"]
        body = patches.claim(job, resolved, worker.pod_name, holder, datetime.now(UTC))
        return await self._patch(job, body, "status")

    async def cancel(self, job: GenerationJob) -> None:
        """Ask for a job to be cancelled."""
        await self._patch(job, {"spec": {"cancelRequested": True}})

    async def requeue(self, job: GenerationJob) -> GenerationJob:
        """Do what the operator does when a worker is lost."""
        body = patches.requeue(job, Reason.WORKER_LOST, "the worker is lost", datetime.now(UTC), failed=True)
        return await self._patch(job, body, "status")

    async def _patch(self, job: GenerationJob, body: Json, subresource: str = "") -> GenerationJob:
        metadata = job.metadata
        patched = await self.cluster.merge_patch(JOBS, metadata.namespace, metadata.name, body, subresource)
        return GenerationJob.parse(patched)

    async def lease(self, worker: Worker) -> Json:
        return await self.cluster.get(LEASES, self.namespace, worker.pod_name)

    async def read(self, name: str, namespace: str | None = None) -> GenerationJob:
        return GenerationJob.parse(await self.cluster.get(JOBS, namespace or self.namespace, name))

    async def until(
        self, name: str, holds: Callable[[GenerationJob], bool], namespace: str | None = None
    ) -> GenerationJob:
        """Follow a job until something holds of it."""
        scope = Scope(namespace or self.namespace, field_selector=f"metadata.name={name}")
        return GenerationJob.parse(await self._until(JOBS, scope, lambda one: holds(GenerationJob.parse(one))))

    async def until_ended(self, name: str, namespace: str | None = None) -> GenerationJob:
        """Follow a job until it ended."""
        return await self.until(name, lambda job: job.status.phase in TERMINAL, namespace)

    async def until_lease(self, worker: Worker, holds: Callable[[Json], bool]) -> Json:
        """Follow a worker's Lease until something holds of it."""
        scope = Scope(self.namespace, field_selector=f"metadata.name={worker.pod_name}")
        return await self._until(LEASES, scope, holds)

    async def _until(self, kind: Kind, scope: Scope, holds: Callable[[Json], bool]) -> Json:
        listed = await self.cluster.list_all(kind, scope)
        if listed.items and holds(listed.items[0]):
            return listed.items[0]
        watch = cast("AsyncGenerator[Event]", self.cluster.watch(kind, scope, listed.resource_version))
        async with asyncio.timeout(SEEN_WITHIN_S), aclosing(watch) as events:
            async for event in events:
                if event.type != "BOOKMARK" and holds(event.object):
                    return event.object
        raise AssertionError(f"the watch of {kind.plural} ended")


@pytest.fixture(scope="session")
def demo_catalogue(random_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a demo catalogue whose weights are random."""
    catalogue = yaml.safe_load(packaged("demo"))
    for name, model in catalogue["models"].items():
        model["weights"] = {"path": str(random_weights / name)}
    file = tmp_path_factory.mktemp("catalogue") / "demo.yaml"
    file.write_text(yaml.safe_dump(catalogue))
    return str(file)


@pytest_asyncio.fixture
async def station(
    cluster: KubeCluster, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> AsyncIterator[Station]:
    """A namespace in which workers can be started; they are stopped at the end."""
    with ExitStack() as ports:
        async with Children() as children:
            made = Station(cluster, control_plane, namespace, tmp_path, children, ports)
            await made.prepare()
            yield made

"""One installation whose parts are processes of the test: each is killed, paused and started again at will.

The test plays the kubelet as well: it makes the workers' pods and says whether they are ready.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import httpx

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.server import ControlPlane
from picshapes_cli.processes import Child, Children
from picshapes_cli.up import parts
from picshapes_cli.up.cluster import prepare
from picshapes_cli.up.first_users import Keys, first_users
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.pods import WorkerPods, pod_body, worker_kubeconfig
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, PODS
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.resource import GenerationJob

from .gate import Gate
from .history import History

READY_WITHIN_S: Final = 120.0
SEEN_WITHIN_S: Final = 120.0
TAIL_BYTES: Final = 6000
ENDED: Final = ("completed", "failed")
NODE: Final = "node-of-the-test"
"""Pods that are bound to a node are deleted with a grace, as on a real cluster."""


running: list["Installation"] = []
"""What runs now; a failed test shows the ends of its logs."""


async def kill_all(processes: Sequence[Child]) -> None:
    """Kill processes outright, all before the first has ended."""
    for one in processes:
        os.kill(one.pid, signal.SIGKILL)
    for one in processes:
        assert await one.wait() == -signal.SIGKILL


@dataclass(frozen=True)
class Surroundings:
    """What an installation stands on."""

    plane: ControlPlane
    cluster: KubeCluster
    namespace: str
    folder: Path
    step_s: float
    """How long a step of the workers' engine takes."""
    operators: tuple[str, ...] = ("operator",)


class Installation:
    """The parts of one namespace. All reach the API server by gates: the APIs', the workers', each operator's."""

    def __init__(
        self, around: Surroundings, ports: ExitStack, children: Children, gates: dict[str, Gate], history: History
    ) -> None:
        self.plane, self.cluster, self.namespace = around.plane, around.cluster, around.namespace
        self._ports = ports
        self.gates, self.history = gates, history
        self.pods = WorkerPods(around.cluster, around.namespace, SystemClock())
        self.layout = Layout(around.folder)
        self._children = children
        self._parts: dict[str, parts.Part] = {}
        self._running: dict[str, Child] = {}
        self._workers: set[str] = set()
        environment = os.environ | {"PICSHAPES_NULL_STEP_S": str(around.step_s)}
        options = UpOptions(around.folder, engine=Engine.NULL, namespace=around.namespace)
        self._site = parts.Site(options, self.layout, "demo", environment, "http://127.0.0.1:1")
        self.keys: Keys = first_users(self.layout.keys, 100)

    @classmethod
    @asynccontextmanager
    async def on(cls, around: Surroundings) -> AsyncIterator[Self]:
        """Prepare the namespace and its gates; all that was started is stopped at the end of the block."""
        await prepare(around.cluster, around.namespace, SystemClock())
        for folder in ("kubeconfigs", "logs", "tmp", "results"):
            (around.folder / folder).mkdir(parents=True)
        async with AsyncExitStack() as stack:
            history = await stack.enter_async_context(History.of(around.cluster, around.namespace))
            gates = {}
            for name in ("api", "worker", *around.operators):
                gates[name] = await stack.enter_async_context(Gate(around.plane))
                (around.folder / f"kubeconfigs/{name}.kubeconfig").write_text(gates[name].kubeconfig())
            ports = stack.enter_context(ExitStack())
            children = await stack.enter_async_context(Children())
            installation = cls(around, ports, children, gates, history)
            running.append(installation)
            try:
                yield installation
            finally:
                running.remove(installation)

    # The parts

    async def start_operator(self, name: str = "operator") -> None:
        """Start an operator, which leads by its name: one that starts again need not wait for its own Lease."""
        part = parts.operator(self._site, self.layout.kubeconfig(name), self._port())
        await self._start(name, part, {"PICSHAPES_IDENTITY": name})

    async def start_api(self, name: str = "api", settings: Mapping[str, str] | None = None) -> None:
        """Start an API process."""
        part = parts.api(self._site, self.layout.kubeconfig("api"), self._port())
        await self._start(name, part, settings or {})

    async def start_worker(
        self, name: str, settings: Mapping[str, str] | None = None, *, node: str = NODE
    ) -> None:
        """Make a pod on a node and start a worker in it."""
        await self._make_pod(name, node)
        part = parts.worker(self._site, name, self.layout.kubeconfig(name), self._port())
        self._workers.add(name)
        await self._start(name, part, settings or {})

    async def kill(self, *names: str) -> None:
        """Kill parts outright, all before the first has ended."""
        await kill_all([self._running[name] for name in names])

    async def stop(self, name: str) -> None:
        """Ask a part to end, and wait for it."""
        assert await self._running[name].stop() == 0

    def processes(self, *names: str) -> list[Child]:
        """Return the processes of parts as they are now."""
        return [self._running[name] for name in names]

    async def start_again(self, *names: str) -> None:
        """Start killed parts as they were started before, and wait until they are ready."""
        for name in names:
            self._running[name] = await self._children.start(self._parts[name].spec)
        await asyncio.gather(*(self.until_ready(name) for name in names))

    async def delete_pod(self, name: str) -> None:
        """Delete a worker's pod outright; what runs in it goes on until it is killed."""
        pod = await self.cluster.get(PODS, self.namespace, name)
        await self.cluster.delete(PODS, self.namespace, name, pod["metadata"]["uid"], grace_s=0)

    def _port(self) -> int:
        return self._ports.enter_context(reserved_port())

    async def _make_pod(self, name: str, node: str) -> None:
        body = pod_body(name)
        body["spec"]["nodeName"] = node
        pod = await self.cluster.create(PODS, self.namespace, body)
        by_the_gate = self.layout.kubeconfig("worker")
        worker_kubeconfig(by_the_gate, self.layout.kubeconfig(name), await self.pods.token(pod))

    async def _start(self, name: str, part: parts.Part, settings: Mapping[str, str]) -> None:
        log_path = self.layout.log(name)
        spec = replace(part.spec, name=name, log_path=log_path, env={**(part.spec.env or {}), **settings})
        self._parts[name] = replace(part, spec=spec)
        await self.start_again(name)

    def url_of(self, name: str, path: str) -> str:
        """Return a URL of a part's probes, or of an API."""
        return self._parts[name].ready_url.removesuffix("/readyz") + path

    async def until_ready(self, name: str) -> None:
        """Wait until a part says that it is ready; play the kubelet, which tells of a worker's."""
        async with httpx.AsyncClient(trust_env=False) as client:
            url = self._parts[name].ready_url
            await self._running[name].wait_ready(url, client=client, timeout_s=READY_WITHIN_S)
        if name in self._workers:
            await self.pods.report(name, ready=True)

    async def until_figure(self, name: str, line: str) -> None:
        """Wait until a part's metrics show this line."""
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(SEEN_WITHIN_S):
            while True:
                figures = (await client.get(self.url_of(name, "/metrics"))).text
                if line in figures.splitlines():
                    return
                await asyncio.sleep(0.05)  # nothing tells of it

    def logs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the end of what each part said."""
        for path in sorted(self.layout.root.glob("logs/*.log")):
            yield path.name, path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")

    # The two doors

    @asynccontextmanager
    async def rest(self, name: str = "api", key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client of the REST API, as the first user or with this key."""
        headers = {"Authorization": f"Bearer {key or self.keys.user}"}
        url = self.url_of(name, "")
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30) as client:
            yield client

    async def submit(self, name: str = "api", key: str | None = None) -> str:
        """POST a job, with an idempotency key if there is one; return its id."""
        async with self.rest(name) as client:
            headers = {"Idempotency-Key": key} if key else {}
            answer = await client.post("/api/v1/jobs", json={"prompt": "a red circle"}, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def cancel_by_rest(self, job: str, name: str = "api") -> None:
        """DELETE a job, whether the answer comes or its process is killed before."""
        with suppress(httpx.TransportError):
            async with self.rest(name) as client:
                await client.delete(f"/api/v1/jobs/{job}")

    async def credits(self, name: str = "api") -> int:
        """Return the first user's balance."""
        async with self.rest(name) as client:
            return int((await client.get("/api/v1/users/me/credits")).json()["credits"])

    async def until_told(self, *ids: str, name: str = "api") -> dict[str, str]:
        """Ask the API until jobs have ended; return how."""
        told: dict[str, str] = {}
        async with self.rest(name) as client, asyncio.timeout(SEEN_WITHIN_S):
            for job in ids:
                while told.get(job) not in ENDED:
                    told[job] = (await client.get(f"/api/v1/jobs/{job}")).json()["status"]
                    await asyncio.sleep(0.05)  # nothing tells of it
        return told

    async def check_books(self, name: str = "api") -> None:
        """Hold the ledger to the balances, and each job to one debit and at most one refund."""
        async with self.rest(name, self.keys.admin) as client:
            audit = (await client.get("/api/v1/admin/audit")).json()
        assert audit["consistent"] is True, audit

    async def apply(self, name: str, **spec: Any) -> GenerationJob:
        """Create a job as kubectl does."""
        body = {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "metadata": {"name": name},
            "spec": {"prompt": "a red circle"} | spec,
        }
        return GenerationJob.parse(await self.cluster.create(JOBS, self.namespace, body))

    async def cancel(self, name: str) -> None:
        """Ask for the end of a job as kubectl does."""
        await self.cluster.merge_patch(JOBS, self.namespace, name, {"spec": {"cancelRequested": True}})

    def pictures(self, job: str) -> list[str]:
        """Return the names of the pictures that lie in the store for a job."""
        return sorted(path.name for path in (self.layout.results / job).glob("*"))

"""Worker pods in a simulation: what the controller, the kubelet and the garbage collector of a cluster do."""

import asyncio
import random
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import LEASES, PODS, NotFoundError, Scope
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER
from picshapes_worker.settings import Settings

from .parts import Machines, Running
from .store import Bucket, SimulatedStore
from .worker_part import WorkerPart

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE: Final = "simulated"
NEIGHBOUR: Final = "neighbour"
"""Another namespace, in which people have jobs only."""
LOOK_S: Final = 0.5
GRACE_S: Final = 20.0
COLLECT_S: Final = 2.0


@dataclass(frozen=True)
class Shape:
    """What a worker offers."""

    vram_mib: int
    models: tuple[str, ...]
    neighbours: tuple[str, ...] = (NEIGHBOUR,)
    """The further namespaces whose jobs it watches."""


@dataclass
class Pod:
    """A pod and the processes that run under its name; the last one is the container that the kubelet knows."""

    name: str
    uid: str
    shape: Shape
    containers: list[Running[WorkerPart]] = field(default_factory=list)
    ready: bool | None = None

    @property
    def current(self) -> Running[WorkerPart]:
        """The container that the kubelet knows."""
        return self.containers[-1]


class Cluster:
    """All pods. The world's own writes meet no faults."""

    def __init__(self, machines: Machines, catalogue: Catalogue, bucket: Bucket, rng: random.Random) -> None:
        self._machines, self._catalogue, self._bucket, self._rng = machines, catalogue, bucket, rng
        self._server = machines.net.server
        self._made = 0
        self.pods: dict[str, Pod] = {}
        self.started: Callable[[str, str, Shape], None] = lambda *_: None
        """Told the name, the `workerID` and what it offers of each new worker process."""
        self.violated: Callable[[str], None] = lambda _: None

    def create(self, shape: Shape, name: str | None = None) -> None:
        """Make a pod and start its container."""
        self._made += 1
        name = name or f"worker-{self._made}"
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {COMPONENT_LABEL: COMPONENT_WORKER}},
            "spec": {"nodeName": "node", "containers": []},
        }
        made = self._server.create(PODS, NAMESPACE, body)
        pod = self.pods[name] = Pod(name, made["metadata"]["uid"], shape)
        self.start(pod)

    def start(self, pod: Pod) -> None:
        """Start a process under the pod's name."""
        machines = self._machines
        process, client, clock, rng = machines.prepare(pod.name)
        settings = Settings(
            pod_name=pod.name,
            namespace=NAMESPACE,
            job_namespaces=pod.shape.neighbours,
            storage_url="memory:///",
            engine="null",
            models=pod.shape.models,
            vram_mib=pod.shape.vram_mib,
            grace_s=GRACE_S / 2,
            public_url="https://pictures.example",
        )
        part = WorkerPart(settings, client, clock, rng)
        running = Running(process, client, clock, part, machines.loop.time())
        self.started(process.name, part.worker_id, pod.shape)
        pod.containers.append(running)
        store = SimulatedStore(machines.net, process, self._bucket)
        machines.run(running, part.live(machines.net, self._catalogue, store, self.violated))

    async def replace(self, pod: Pod, *, keep_name: bool, forced: bool) -> None:
        """Delete a pod, gracefully or at once, and make another."""
        self.pods.pop(pod.name, None)
        loop = self._machines.loop
        if not forced:
            self._server.delete(PODS, NAMESPACE, pod.name, pod.uid)
            for container in pod.containers:
                container.part.stop.set()
            try:
                async with asyncio.timeout(GRACE_S):
                    await pod.current.died.wait()
            except TimeoutError:
                pass  # the kubelet's patience is over
        self._server.delete(PODS, NAMESPACE, pod.name, pod.uid, grace_s=0)
        linger_s = self._rng.uniform(0, 60) if forced else 0.0
        for container in pod.containers:  # its processes may outlive a pod that was deleted by force
            loop.in_world(linger_s, partial(loop.kill, container.process))
        await asyncio.sleep(self._rng.uniform(0, 5))
        self.create(pod.shape, pod.name if keep_name else None)

    async def kubelet(self) -> None:
        """Report readiness and restart containers, for ever."""
        restart_at: dict[str, float] = {}
        now = self._machines.loop.time
        while True:
            await asyncio.sleep(LOOK_S)
            for pod in list(self.pods.values()):
                alive = pod.current.process.alive
                if alive:
                    restart_at.pop(pod.uid, None)
                elif now() >= restart_at.setdefault(pod.uid, now() + self._rng.uniform(0, 8)):
                    self.start(pod)
                    continue
                self._report(pod, ready=alive and pod.current.part.vitals.ready())

    def _report(self, pod: Pod, *, ready: bool) -> None:
        if pod.ready is not ready:
            pod.ready = ready
            conditions = [{"type": "Ready", "status": str(ready)}]
            status = {"status": {"phase": "Running", "conditions": conditions}}
            self._server.merge_patch(PODS, NAMESPACE, pod.name, status, "status")

    async def collect_garbage(self) -> None:
        """Delete the leases of pods that are gone, for ever."""
        while True:
            await asyncio.sleep(COLLECT_S)
            for lease in self._server.list_all(LEASES, Scope(NAMESPACE)).items:
                metadata = lease["metadata"]
                for owner in metadata.get("ownerReferences", ()):
                    if not self._is_there(owner["name"], owner["uid"]):
                        self._server.delete(LEASES, NAMESPACE, metadata["name"], metadata["uid"])

    def _is_there(self, name: str, uid: str) -> bool:
        try:
            return bool(self._server.get(PODS, NAMESPACE, name)["metadata"]["uid"] == uid)
        except NotFoundError:
            return False

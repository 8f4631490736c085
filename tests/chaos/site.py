"""The parts as processes that are started again whenever they end, as a cluster would; and a kubelet's reports."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import httpx

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.private_files import write_private_file
from picshapes_cli.processes import Child, Children
from picshapes_cli.up import parts
from picshapes_cli.up.cluster import prepare
from picshapes_cli.up.first_users import Keys, first_users
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.pods import WorkerPods, worker_kubeconfig
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import ClusterError
from picshapes_crds.cluster.kube import KubeCluster

NAMESPACE: Final = "chaos"
CREDITS: Final = 100_000
STEP_S: Final = 0.05
RESTART_S: Final = 1.0
LOOK_S: Final = 0.5
TAIL_BYTES: Final = 8000


@dataclass(frozen=True)
class Around:
    """What the parts are told: where everything is."""

    folder: Path
    kubeconfig: str
    database_url: str
    redis_url: str
    storage: Mapping[str, str]
    """PICSHAPES_STORAGE_URL, and what its store needs."""


class Site:
    """All parts of one installation."""

    def __init__(self, around: Around, cluster: KubeCluster, ports: ExitStack, children: Children) -> None:
        self._ports = ports
        self.around, self.cluster = around, cluster
        self.layout = Layout(around.folder)
        self.keys: Keys = first_users(self.layout.keys, CREDITS)
        self.parts: dict[str, parts.Part] = {}
        self._children = children
        self._running: dict[str, Child] = {}
        self._pods = WorkerPods(cluster, NAMESPACE, SystemClock())
        self._keepers: set[asyncio.Task[None]] = set()
        options = UpOptions(
            around.folder,
            engine=Engine.NULL,
            namespace=NAMESPACE,
            database_url=around.database_url,
            redis_url=around.redis_url,
            storage_url=around.storage["PICSHAPES_STORAGE_URL"],
        )
        environment = os.environ | around.storage | {"PICSHAPES_NULL_STEP_S": str(STEP_S)}
        self._site = parts.Site(options, self.layout, "demo", environment, "http://127.0.0.1:1")

    @classmethod
    @asynccontextmanager
    async def on(cls, around: Around) -> AsyncIterator[Self]:
        """Prepare the namespace; all that is started is stopped at the end of the block."""
        for folder in ("kubeconfigs", "logs", "tmp"):
            (around.folder / folder).mkdir(parents=True)
        layout = Layout(around.folder)
        admin = layout.kubeconfig("admin")
        write_private_file(admin, around.kubeconfig.encode())
        with ExitStack() as ports:
            async with await KubeCluster.connect(admin) as cluster, Children() as children:
                await prepare(cluster, NAMESPACE, SystemClock())
                site = cls(around, cluster, ports, children)
                try:
                    yield site
                finally:
                    for keeper in site._keepers:
                        keeper.cancel()
                    if site._keepers:
                        await asyncio.wait(site._keepers)

    async def start(self, apis: int, operators: int, workers: int) -> None:
        """Start so many of each, and wait until they are ready."""
        admin = self.layout.kubeconfig("admin")
        for number in range(operators):
            part = parts.operator(self._site, admin, self._port())
            self._keep(f"operator-{number}", part, {"PICSHAPES_IDENTITY": f"operator-{number}"})
        for number in range(apis):
            self._keep(f"api-{number}", parts.api(self._site, admin, self._port()), {})
        for number in range(workers):
            await self._add_worker(f"worker-{number}")
        await asyncio.gather(*(self.until_ready(name) for name in self.parts))

    async def _add_worker(self, name: str) -> None:
        kubeconfig = self.layout.kubeconfig(name)
        token = await self._pods.token(await self._pods.create(name))
        worker_kubeconfig(self.layout.kubeconfig("admin"), kubeconfig, token)
        self._keep(name, parts.worker(self._site, name, kubeconfig, self._port()), {})
        self._spawn(self._report(name))

    def _port(self) -> int:
        return self._ports.enter_context(reserved_port())

    def pids(self, name: str) -> list[int]:
        """Return the process of a part, while it runs."""
        child = self._running.get(name)
        return [child.pid] if child is not None and child.returncode is None else []

    def url(self, name: str) -> str:
        """Return the base of a part's URLs."""
        return self.parts[name].ready_url.removesuffix("/readyz")

    @property
    def apis(self) -> list[str]:
        """The base URLs of the APIs."""
        return [self.url(name) for name in self.parts if name.startswith("api-")]

    async def until_ready(self, name: str, within_s: float = 120) -> None:
        """Wait until a part says that it is ready, whichever of its processes that is."""
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(within_s):
            while True:
                if await _is_ready(client, self.parts[name].ready_url):
                    return
                await asyncio.sleep(LOOK_S)  # nothing tells of it

    def logs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the end of what each part said."""
        for path in sorted(self.layout.root.glob("logs/*.log")):
            yield path.name, path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")

    def _keep(self, name: str, part: parts.Part, settings: Mapping[str, str]) -> None:
        env = {**(part.spec.env or {}), **settings}
        spec = replace(part.spec, name=name, log_path=self.layout.log(name), env=env, stop_timeout_s=60)
        self.parts[name] = replace(part, spec=spec)
        self._spawn(self._run(name))

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        self._keepers.add(asyncio.create_task(work))

    async def _run(self, name: str) -> None:
        """Run a part, for ever."""
        while True:
            child = self._running[name] = await self._children.start(self.parts[name].spec)
            await child.wait()
            await asyncio.sleep(RESTART_S)

    async def _report(self, name: str) -> None:
        """Report a worker's readiness as its kubelet does, for ever."""
        told: bool | None = None
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                ready = await _is_ready(client, self.parts[name].ready_url)
                if ready is not told:
                    try:
                        await self._pods.report(name, ready=ready)
                    except ClusterError:
                        told = None  # the API server is away
                    else:
                        told = ready
                await asyncio.sleep(LOOK_S)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url, timeout=2)).is_success
    except httpx.TransportError:
        return False

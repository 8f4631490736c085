"""What the parts stand on, each behind a proxy: killed, paused, and started again on what it had written."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import psutil
from tests.api import servers

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.kubeconfig import ClientAccess, render_kubeconfig
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_cli.objectstore.server import ObjectStore

from .proxy import TcpProxy


def family(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    try:
        return [pid, *(one.pid for one in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def tell(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to processes of ours; one that has just ended needs none."""
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


class Server(Protocol):
    """One program that the parts stand on."""

    @property
    def proxy(self) -> TcpProxy:
        """The proxy before it."""

    def pids(self) -> list[int]:
        """Return its processes."""

    async def replace(self, after_s: float) -> None:
        """Kill it outright; start it again after some seconds, and wait until it serves."""


class Plane:
    """etcd and kube-apiserver in one folder. Whichever is killed, both are started again."""

    def __init__(self, folder: Path, binaries: Binaries) -> None:
        self._folder, self._binaries = folder, binaries
        self._restarting = asyncio.Lock()
        self.control: ControlPlane
        self.proxy: TcpProxy

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, binaries: Binaries) -> AsyncIterator[Self]:
        """Start both; whatever runs at the end of the block is stopped."""
        plane = cls(folder, binaries)
        await plane._start()
        async with TcpProxy(lambda: int(plane.control.url.rpartition(":")[2])) as plane.proxy:
            try:
                yield plane
            finally:
                async with plane._restarting:
                    await plane.control.__aexit__(None, None, None)

    def kubeconfig(self) -> str:
        """Return the admin's, by way of the proxy."""
        token = self.control.token("picshapes-admin")
        return render_kubeconfig(ClientAccess(f"https://127.0.0.1:{self.proxy.port}", self.control.ca_pem, token))

    def pids(self, name: str) -> list[int]:
        """Return the process of `etcd` or of `apiserver`."""
        child = self.control._etcd if name == "etcd" else self.control._apiserver
        return [child.pid] if child is not None and child.returncode is None else []

    async def replace(self, name: str, after_s: float) -> None:
        """Kill one of the two outright; start both again after some seconds."""
        async with self._restarting:
            tell(self.pids(name), signal.SIGKILL)
            await asyncio.sleep(after_s)
            tell(self.pids("etcd") + self.pids("apiserver"), signal.SIGCONT)  # a paused one could not end
            await self.control.__aexit__(None, None, None)
            await self._start()

    async def _start(self) -> None:
        self.control = ControlPlane(
            self._folder, self._binaries, ControlPlaneOptions(fsync=False, start_timeout_s=180)
        )
        await self.control.__aenter__()


@dataclass
class PlaneHalf:
    """etcd or kube-apiserver, as a server of its own."""

    plane: Plane
    name: str

    @property
    def proxy(self) -> TcpProxy:
        """The proxy before the API server; nothing but it asks etcd."""
        return self.plane.proxy

    def pids(self) -> list[int]:
        """Return the process."""
        return self.plane.pids(self.name)

    async def replace(self, after_s: float) -> None:
        """Kill it; start both again."""
        await self.plane.replace(self.name, after_s)


@dataclass
class Daemon:
    """PostgreSQL or Redis."""

    server: servers.Postgres | servers.Redis
    proxy: TcpProxy

    @classmethod
    @asynccontextmanager
    async def behind_a_proxy(cls, server: servers.Postgres | servers.Redis) -> AsyncIterator[Self]:
        """Put a proxy before a running server."""
        async with TcpProxy(lambda: server.port) as proxy:
            yield cls(server, proxy)

    def pids(self) -> list[int]:
        """Return the server's process and all of its children."""
        return family(self.server.process.pid) if self.server.process else []

    async def replace(self, after_s: float) -> None:
        """Kill all of its processes; start it again."""
        process = self.server.process
        assert process is not None
        tell(self.pids(), signal.SIGKILL)
        await asyncio.to_thread(_reap, process)
        await asyncio.sleep(after_s)
        self.server.start()  # in this thread, with which the server is to end


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.wait(timeout=60)
    if process.stdout is not None:
        process.stdout.close()


class Store:
    """The S3 server over a folder."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder, self._program = folder, program
        self.store: ObjectStore
        self.proxy: TcpProxy

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, program: Path) -> AsyncIterator[Self]:
        """Start it; whatever runs at the end of the block is stopped."""
        store = cls(folder, program)
        store.store = await ObjectStore(folder, program, bucket="pictures", start_timeout_s=180).__aenter__()
        async with AsyncExitStack() as stack:
            stack.push_async_exit(lambda *_: store.store.__aexit__(None, None, None))
            store.proxy = await stack.enter_async_context(
                TcpProxy(lambda: int(store.store.endpoint.rpartition(":")[2]))
            )
            yield store

    def environment(self) -> dict[str, str]:
        """Return what leads a part to the bucket, by way of the proxy."""
        return self.store.environment | {"AWS_ENDPOINT": f"http://127.0.0.1:{self.proxy.port}"}

    def pids(self) -> list[int]:
        """Return the server's processes."""
        return [pid for child in self.store._children._children for pid in family(child.pid)]

    async def replace(self, after_s: float) -> None:
        """Kill it; start it again, with the same keys, on the same folder."""
        tell(self.pids(), signal.SIGKILL)
        await asyncio.sleep(after_s)
        await self.store.__aexit__(None, None, None)
        successor = ObjectStore(self._folder, self._program, bucket="pictures", start_timeout_s=180)
        successor.keys = self.store.keys
        self.store = await successor.__aenter__()

"""Brings everything up and takes it down again: control plane, definition, operator, workers, API, ready file."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.credentials import ADMIN
from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.private_files import make_private_folder, write_private_file
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_cli.processes import Children
from picshapes_cli.up import parts
from picshapes_cli.up.cluster import API, OPERATOR, prepare
from picshapes_cli.up.errors import PortTakenError, UpError
from picshapes_cli.up.first_users import Keys, first_users
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.pods import WorkerPods, worker_kubeconfig
from picshapes_cli.up.supervision import Supervised
from picshapes_cli.up.weights import demo_catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster

Tell = Callable[[str], None]
"""Shows a person one line of what is going on."""


@dataclass(frozen=True)
class Running:
    """What a client needs to know of a running PicShapes."""

    api_url: str
    kubeconfig: Path
    namespace: str
    keys: Keys

    def ready_file(self) -> bytes:
        """Return the ready file's JSON."""
        return json.dumps(
            {
                "api_url": self.api_url,
                "kubeconfig": str(self.kubeconfig),
                "namespace": self.namespace,
                "api_key": self.keys.user,
                "admin_key": self.keys.admin,
            },
            indent=2,
        ).encode()


@dataclass(frozen=True)
class _Kubeconfigs:
    person: Path
    api: Path
    operator: Path


@contextlib.asynccontextmanager
async def running(options: UpOptions, binaries: Binaries | None, tell: Tell) -> AsyncIterator[Running]:
    """Run PicShapes for as long as the block lasts; it is entered once a job can be accepted and run.

    `binaries` are those of the control plane; none are needed for an existing cluster.
    Raises, alone or in an exception group, `UpError`, `ControlPlaneError`, `ChildError` or `ClusterError`, also
    while the block runs when a part can't be kept running; nothing is left running then.
    """
    layout = Layout(options.folder.absolute())
    for folder in (layout.root, layout.kubeconfig("x").parent, layout.log("x").parent, layout.results):
        make_private_folder(folder)
    async with contextlib.AsyncExitStack() as stack:
        port = _reserved(stack, options.port)
        plane = await _start_control_plane(stack, options, binaries, tell) if binaries else None
        await asyncio.to_thread(_empty_folder, layout.temporary)  # a run that was killed leaves it
        stack.callback(shutil.rmtree, layout.temporary, ignore_errors=True)
        kubeconfigs = _kubeconfigs(plane, options, layout)
        cluster = await stack.enter_async_context(await KubeCluster.connect(kubeconfigs.person))
        await prepare(cluster, options.namespace, SystemClock(), options.job_namespaces)
        catalogue = await asyncio.to_thread(_catalogue, options, layout)
        site = parts.Site(options, layout, catalogue, os.environ, f"http://127.0.0.1:{port}")
        state = Running(
            site.api_url, kubeconfigs.person, options.namespace, first_users(layout.keys, options.first_credits)
        )
        tell(f"Starting operator, API and {_count(options.workers, 'worker')}; logs: {layout.log('x').parent}")
        pods = WorkerPods(cluster, options.namespace, SystemClock())
        await pods.clear()
        stack.push_async_callback(pods.leave)
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        children = await stack.enter_async_context(Children())
        supervise = partial(Supervised, children, client=client, clock=SystemClock())
        supervised = [supervise(parts.operator(site, kubeconfigs.operator, _reserved(stack)))]
        for name in (f"worker-{number}" for number in range(options.workers)):
            own = await _worker_kubeconfig(layout, pods, name, kubeconfigs.person)
            worker = parts.worker(site, name, own, _reserved(stack))
            supervised.append(supervise(worker, on_ready=partial(pods.report, name)))
        supervised.append(supervise(parts.api(site, kubeconfigs.api, port)))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        started = [tasks.create_task(one.run()) for one in supervised]
        for one in supervised:
            await one.first_ready.wait()
        for path in filter(None, (layout.ready, options.ready_file)):
            write_private_file(path.absolute(), state.ready_file())
            stack.callback(path.absolute().unlink, missing_ok=True)
        yield state
        for task in started:
            task.cancel()


async def _start_control_plane(
    stack: contextlib.AsyncExitStack, options: UpOptions, binaries: Binaries, tell: Tell
) -> ControlPlane:
    """Start a control plane that ends with the stack; should it end by itself, so does the stack's block."""
    tell("Starting etcd and kube-apiserver")
    settings = ControlPlaneOptions(users=(API, OPERATOR), fsync=options.durable)
    plane = ControlPlane(Layout(options.folder.absolute()).control_plane, binaries, settings)
    await stack.enter_async_context(plane)
    tasks = await stack.enter_async_context(asyncio.TaskGroup())
    guard = tasks.create_task(plane.watch())
    stack.callback(guard.cancel)
    return plane


def _kubeconfigs(plane: ControlPlane | None, options: UpOptions, layout: Layout) -> _Kubeconfigs:
    if plane is None:
        if options.kubeconfig is None:
            raise UpError("name a cluster with --kubeconfig, or let picshapes start its own")
        return _Kubeconfigs(options.kubeconfig, options.kubeconfig, options.kubeconfig)
    paths = (
        plane.write_kubeconfig(layout.kubeconfig(name), token=plane.token(user.name), namespace=options.namespace)
        for name, user in (("admin", ADMIN), ("api", API), ("operator", OPERATOR))
    )
    return _Kubeconfigs(*paths)


async def _worker_kubeconfig(layout: Layout, pods: WorkerPods, name: str, person: Path) -> Path:
    """Create a worker's pod and return the kubeconfig with its credentials."""
    own = layout.kubeconfig(name)
    worker_kubeconfig(person, own, await pods.token(await pods.create(name)))
    return own


def _catalogue(options: UpOptions, layout: Layout) -> str:
    if options.catalogue or options.engine is Engine.NULL:
        return options.catalogue or "demo"
    return demo_catalogue(layout.catalogue)


def _empty_folder(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
    make_private_folder(path)


def _reserved(stack: contextlib.AsyncExitStack, wanted: int = 0) -> int:
    """Hold the port, or any free one for 0, until the stack ends. Raises `PortTakenError`."""
    try:
        return stack.enter_context(reserved_port(wanted))
    except OSError as error:
        what = f"port {wanted} can't be used ({error.strerror})"
        raise PortTakenError(f"{what}: choose another with --port, or any with --port 0") from error


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")

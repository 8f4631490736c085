"""What the benchmarks start from: a user without limits, a namespace nobody watches, a control plane alone."""

import contextlib
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from picshapes_cli.bench.r0 import concurrently, job_body
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.credentials import ADMIN
from picshapes_cli.controlplane.private_files import make_private_folder
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_cli.up.cluster import OPERATOR, prepare
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.parts import Site
from picshapes_cli.up.stack import Running, Tell
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all

BASELINE_NAMESPACE: Final = "picshapes-bench"
IN_FLIGHT: Final = 64
SHOWN_EVERY: Final = 1000
REQUEST: Final = {"prompt": "a blue star on a yellow background", "model": "flux-schnell"}


async def make_baseline_namespace(cluster: KubeCluster) -> None:
    """Make the namespace for baselines: neither the operator nor the API looks there."""
    await apply_all(cluster, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BASELINE_NAMESPACE}}])


async def lift_limits(state: Running) -> None:
    """Let the first user post as fast as the parts can take it."""
    async with aiohttp.ClientSession(state.api_url, raise_for_status=True) as http:
        async with http.get("/api/v1/users/me", headers=bearer(state.keys.user)) as answer:
            user = (await answer.json())["id"]
        change = {"limit_per_minute": 0, "limit_per_day": 0}
        url = f"/api/v1/admin/users/{user}"
        async with http.patch(url, json=change, headers=bearer(state.keys.admin)):
            pass  # an error has been raised


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


async def fill(cluster: KubeCluster, namespace: str, count: int, tell: Tell) -> None:
    """Create so many jobs at the API server, as quickly as it takes them."""

    async def create(number: int) -> None:
        await cluster.create(JOBS, namespace, job_body(str(uuid.uuid4())))
        if number and not number % SHOWN_EVERY:
            tell(f"{number} of {count} jobs created")

    await concurrently(count, IN_FLIGHT, create)


@dataclass(frozen=True)
class Alone:
    """A control plane with the definition, policies, roles and namespace, and none of the parts."""

    cluster: KubeCluster
    kubeconfig: Path
    operator_kubeconfig: Path
    site: Site

    @property
    def namespace(self) -> str:
        """Where jobs and workers are."""
        return self.site.options.namespace


@contextlib.asynccontextmanager
async def control_plane_alone(folder: Path, binaries: Binaries, tell: Tell) -> AsyncIterator[Alone]:
    """Run a control plane in a folder, by its absolute path, for as long as the block lasts."""
    options = UpOptions(folder=folder, port=0, workers=0, engine=Engine.NULL, durable=False)
    layout = Layout(folder)
    for one in (folder, layout.kubeconfig("x").parent, layout.log("x").parent, layout.temporary):
        make_private_folder(one)
    tell("Starting etcd and kube-apiserver")
    settings = ControlPlaneOptions(users=(OPERATOR,), fsync=options.durable)
    async with ControlPlane(layout.control_plane, binaries, settings) as plane:
        admin, operator = (
            plane.write_kubeconfig(layout.kubeconfig(name), token=plane.token(user), namespace=options.namespace)
            for name, user in (("admin", ADMIN.name), ("operator", OPERATOR.name))
        )
        async with await KubeCluster.connect(admin) as cluster:
            await prepare(cluster, options.namespace, SystemClock())
            yield Alone(cluster, admin, operator, Site(options, layout, "demo", os.environ, ""))

"""A real control plane for any test that asks for one: started once a run, a fresh namespace for each test."""

import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from picshapes_cli.controlplane.binaries import Binaries, ensure_binaries
from picshapes_cli.controlplane.credentials import User
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import install

UNPRIVILEGED = User("unprivileged", ("nobodies",))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs, if a test needs them, before the first test: minutes, with progress to be seen."""
    if session.config.option.collectonly or not any(
        "binaries" in getattr(item, "fixturenames", ()) for item in session.items
    ):
        return
    with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        ensure_binaries(with_kubectl=True)


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """etcd, kube-apiserver and kubectl."""
    return ensure_binaries(with_kubectl=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(
    binaries: Binaries, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ControlPlane]:
    """A running control plane, shared by the whole run: a test keeps to a `namespace` of its own."""
    options = ControlPlaneOptions(users=(UNPRIVILEGED,), fsync=False)
    async with ControlPlane(tmp_path_factory.mktemp("control-plane"), binaries, options) as plane:
        yield plane


@pytest_asyncio.fixture
async def admin_api(control_plane: ControlPlane) -> AsyncIterator[httpx.AsyncClient]:
    """The API server's URLs, as its admin."""
    async with control_plane.http_client(control_plane.token("picshapes-admin")) as client:
        yield client


@pytest_asyncio.fixture
async def namespace(admin_api: httpx.AsyncClient) -> str:
    """The name of a new namespace. It is never deleted: nothing here could finish that."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    created = await admin_api.post("/api/v1/namespaces", json={"metadata": {"name": name}})
    created.raise_for_status()
    return name


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def definition(control_plane: ControlPlane) -> None:
    """GenerationJob and its policies, installed."""
    async with await KubeCluster.connect(control_plane.admin_kubeconfig) as connection:
        await install(connection, SystemClock())


@pytest_asyncio.fixture
async def cluster(
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - it must be there
) -> AsyncIterator[KubeCluster]:
    """A client of the control plane, as its admin, with GenerationJob defined."""
    async with await KubeCluster.connect(control_plane.admin_kubeconfig) as connection:
        yield connection

"""A real control plane and a real S3 server for any test that asks: started once a run, shared by its tests."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from picshapes_cli.controlplane.binaries import Binaries, ensure_binaries
from picshapes_cli.controlplane.credentials import User
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_cli.objectstore.binary import ensure_versitygw
from picshapes_cli.objectstore.server import ObjectStore
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import install

UNPRIVILEGED = User("unprivileged", ("nobodies",))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the programs, if a test needs them, before the first test: minutes, with progress to be seen."""
    if session.config.option.collectonly:
        return
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        if "binaries" in asked:
            ensure_binaries(with_kubectl=True)
        if "versitygw" in asked:
            ensure_versitygw()


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


@pytest.fixture(scope="session")
def versitygw() -> Path:
    """The S3 server's program."""
    return ensure_versitygw()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(versitygw: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ObjectStore]:
    """A running S3 server with a bucket, shared by the whole run: a test keeps to objects of its own.

    `s3.environment` are all the variables that a process needs, `s3.endpoint`, `s3.keys`, `s3.bucket` and
    `s3.url` what they are made of, `s3.folder` the bucket's files.
    """
    async with ObjectStore(tmp_path_factory.mktemp("s3"), versitygw, bucket="pictures") as store:
        yield store


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

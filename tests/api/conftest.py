"""The API as it runs, inside the test's process: a real database, a real API server, HTTP over a socket."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from picshapes_api.assembly import Api, Surroundings, assemble, system_randomness
from picshapes_api.core.accounts import Account, Role
from picshapes_api.pictures import PictureStore
from picshapes_api.server import HttpServer
from picshapes_api.storage.accounts import NewUser
from picshapes_api.storage.database import Database
from picshapes_api.storage.url import parse
from picshapes_api.web.app import build_app
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster

from . import servers

_names = itertools.count()


@dataclass
class RunningApi:
    """An API that serves."""

    api: Api
    url: str
    storage: Path
    cluster: KubeCluster
    namespace: str
    server: HttpServer

    async def user(self, credits: int = 100, role: Role = Role.USER) -> "Caller":  # noqa: A002 - the contract's name
        """Make a user and return a client that speaks for it."""
        key = f"uk_{uuid.uuid4().hex}{uuid.uuid4().hex}"
        new = NewUser(f"{uuid.uuid4().hex}@example.com", role, credits, key)
        return Caller(await self.api.services.accounts.create(new), key)


@dataclass
class Caller:
    """A user and its key."""

    account: Account
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """What the user sends with every request."""
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def serving(around: Surroundings, storage: Path) -> AsyncIterator[RunningApi]:
    """Run an API on a free port until the block ends."""
    api = assemble(around)
    app = build_app(api.services, f"api-{next(_names)}")
    app.config.TOUCHUP = False  # it rewrites Sanic's classes, which a second application would find rewritten
    server = HttpServer(app, api.services)
    tasks = [asyncio.create_task(loop(), name=name) for name, loop in api.loops.items()]
    try:
        port = await server.start("127.0.0.1", 0)
        assert isinstance(around.cluster, KubeCluster)
        url = f"http://127.0.0.1:{port}"
        yield RunningApi(api, url, storage, around.cluster, around.namespace, server)
    finally:
        await server.stop()
        await api.services.placer.finish()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert not [task for task in tasks if not task.cancelled() and task.exception()]


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both databases, each empty: every test that touches one runs on both."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/picshapes.db"
    server: servers.Postgres = request.getfixturevalue("postgres")
    return await server.new_database()


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(parse(database_url))
    yield opened
    await opened.close()


@pytest.fixture
def surroundings(cluster: KubeCluster, namespace: str, database: Database, tmp_path: Path) -> Surroundings:
    return Surroundings(
        cluster=cluster,
        namespace=namespace,
        catalogue=Catalogue.load("demo"),
        database=database,
        pictures=PictureStore(f"file://{tmp_path}/pictures"),
        clock=SystemClock(),
        randomness=system_randomness(),
    )


@pytest_asyncio.fixture
async def api(surroundings: Surroundings, tmp_path: Path) -> AsyncIterator[RunningApi]:
    async with serving(surroundings, tmp_path / "pictures") as running:
        yield running


@pytest_asyncio.fixture
async def http(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        yield client

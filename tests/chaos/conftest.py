"""Everything that an installation stands on, of its own and behind proxies: nothing here is shared."""

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.api import servers

from picshapes_cli.controlplane.binaries import Binaries

from .servers import Daemon, Plane, PlaneHalf, Server, Store
from .site import Around, Site

installed: list[Site] = []
"""What runs now; a failed test shows the ends of its logs."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of all logs with a test that failed."""
    report = yield
    if report.failed:
        report.sections += [log for site in installed for log in site.logs()]
    return report


@dataclass(frozen=True)
class Ground:
    """The installation and what it stands on."""

    site: Site
    servers: dict[str, Server]
    database_url: str
    """Past the proxy."""
    bucket: Path
    """The folder in which the store's objects lie."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(
    tmp_path_factory: pytest.TempPathFactory, binaries: Binaries, versitygw: Path
) -> AsyncIterator[Ground]:
    """A control plane, PostgreSQL, Redis, an S3 server, and no part yet."""
    folder = tmp_path_factory.mktemp("chaos")
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(Plane.running(folder / "control-plane", binaries))
        postgres = stack.enter_context(servers.postgres())
        redis = stack.enter_context(servers.redis())
        database = await stack.enter_async_context(Daemon.behind_a_proxy(postgres))
        limits = await stack.enter_async_context(Daemon.behind_a_proxy(redis))
        store = await stack.enter_async_context(Store.running(folder / "s3", versitygw))
        url = await postgres.new_database()
        around = Around(
            folder / "site",
            plane.kubeconfig(),
            url.replace(f":{postgres.port}/", f":{database.proxy.port}/"),
            redis.url.replace(f":{redis.port}/", f":{limits.proxy.port}/"),
            store.environment(),
        )
        site = await stack.enter_async_context(Site.on(around))
        found: dict[str, Server] = {
            "etcd": PlaneHalf(plane, "etcd"),
            "apiserver": PlaneHalf(plane, "apiserver"),
            "postgres": database,
            "redis": limits,
            "s3": store,
        }
        installed.append(site)
        try:
            yield Ground(site, found, url, store.store.folder)
        finally:
            installed.remove(site)

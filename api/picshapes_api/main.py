"""The API's process: settings in, service until a signal, exit status out."""

import asyncio
import secrets
import signal
import socket
import sys
from contextlib import AsyncExitStack
from typing import Final

import stamina
import structlog
import uvloop
from kubernetes.aio.config import ConfigException
from pydantic import ValidationError

from picshapes_api.assembly import Surroundings, assemble, system_randomness
from picshapes_api.bootstrap import InvalidBootstrapFileError, create_first_users, read_bootstrap
from picshapes_api.cluster.first_admin import AdminSecret, InvalidAdminSecretError, create_first_admin
from picshapes_api.cluster.placing import Bounds
from picshapes_api.pictures import InvalidStorageUrlError, PictureStore
from picshapes_api.server import HttpServer, ListenError
from picshapes_api.settings import Settings
from picshapes_api.storage.database import Database, DatabaseUnavailableError
from picshapes_api.storage.sole_user import DatabaseInUseError, sole_counter, sole_user
from picshapes_api.storage.url import InvalidDatabaseUrlError, parse
from picshapes_api.web.app import build_app
from picshapes_crds import logs
from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import ClusterError
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.leadership import Leadership, Seat

WRONG_SETTINGS: Final = 2
LEASE: Final = "picshapes-api-mirror"
DATABASE_START_S: Final = 120
"""A database that starts together with the API is waited for so long."""

log = structlog.get_logger(__name__)

_WRONG: Final = (
    InvalidCatalogueError,
    InvalidDatabaseUrlError,
    InvalidBootstrapFileError,
    InvalidStorageUrlError,
    DatabaseInUseError,
    InvalidAdminSecretError,
    ConfigException,
    ListenError,
)


class LoopEndedError(RuntimeError):
    """A loop that must run for ever has ended."""


async def run(settings: Settings, stop: asyncio.Event, serving: asyncio.Event) -> None:
    """Serve until `stop` is set; may be cancelled until `serving` is. Raises what makes serving impossible."""
    catalogue, url = Catalogue.load(settings.catalogue), parse(settings.database_url.get_secret_value())
    bootstrap = read_bootstrap(settings.bootstrap_file) if settings.bootstrap_file else None
    async with AsyncExitStack() as stack:
        if url.sqlite_path is not None:
            stack.enter_context(sole_user(url.sqlite_path))
        pictures = PictureStore(settings.storage_url, settings.storage_public_endpoint)
        cluster = await stack.enter_async_context(await KubeCluster.connect(settings.kubeconfig))
        async for attempt in stamina.retry_context(
            DatabaseUnavailableError, attempts=None, timeout=DATABASE_START_S
        ):
            with attempt:
                database = await Database.connect(url)
        stack.push_async_callback(database.close)
        if not url.is_sqlite and settings.redis_url is None:
            await stack.enter_async_context(sole_counter(url))
        clock = SystemClock()
        leadership = None
        if not url.is_sqlite:
            seat = Seat(settings.namespace, LEASE, f"{socket.gethostname()}-{secrets.token_hex(8)}")
            leadership = Leadership(cluster, seat, clock)
            stack.push_async_callback(leadership.release)
        around = Surroundings(
            cluster=cluster,
            namespace=settings.namespace,
            catalogue=catalogue,
            database=database,
            pictures=pictures,
            clock=clock,
            randomness=system_randomness(),
            redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
            exposure=settings.exposure,
            retention=settings.retention,
            leadership=leadership,
            neighbours=settings.neighbours,
        )
        api = assemble(around)
        stack.push_async_callback(api.services.limiter.close)
        api.services.placer.bounds = Bounds(settings.max_unfinished, settings.max_unfinished_per_user)
        if bootstrap is not None:
            await create_first_users(bootstrap, api.services.accounts)
        if settings.admin_secret is not None:
            secret = AdminSecret(settings.namespace, settings.admin_secret, settings.admin_email)
            await create_first_admin(cluster, secret, api.services.accounts, around.randomness.secret_bytes)
        tasks = {asyncio.create_task(loop(), name=name) for name, loop in api.loops.items()}
        server = HttpServer(build_app(api.services), api.services)
        try:
            port = await server.start(settings.host, settings.port)
            serving.set()
            log.info("api.listening", host=settings.host, port=port, namespace=settings.namespace)
            await _until(stop, tasks)
        finally:
            log.info("api.stopping")
            await server.stop()
            await api.services.placer.finish()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _until(stop: asyncio.Event, tasks: set[asyncio.Task[None]]) -> None:
    """Wait for the signal to stop; `LoopEndedError` when a loop ends before."""
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            raise LoopEndedError(f"the {task.get_name()} loop has ended") from task.exception()
    finally:
        stopping.cancel()


async def _main(settings: Settings) -> int:
    stop, serving = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(run(settings, stop, serving))

    def end() -> None:
        stop.set()
        if not serving.is_set():
            running.cancel()  # it waits for a database or an API server that nobody needs any more

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await running
    except asyncio.CancelledError:
        log.info("api.stopped_before_serving")
    except _WRONG as error:
        print(f"picshapes-api: {error}", file=sys.stderr)  # noqa: T201 - for whoever started the process
        return WRONG_SETTINGS
    except (DatabaseUnavailableError, ClusterError) as error:
        print(f"picshapes-api: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def main() -> int:
    """Run the process and return its exit status."""
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "; ".join(_fault(one["loc"], one["msg"]) for one in error.errors())
        print(f"picshapes-api: wrong settings: {faults}", file=sys.stderr)  # noqa: T201 - as above
        return WRONG_SETTINGS
    logs.configure("api", form=settings.log_format, level=settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_main(settings))


def _fault(location: tuple[int | str, ...], words: str) -> str:
    """Name the variable at fault; what several are at fault with names them itself."""
    return f"{_variable(location)}: {words}" if location else words.removeprefix("Value error, ")


def _variable(location: tuple[int | str, ...]) -> str:
    name = str(location[0]).upper()
    return name if name in ("DATABASE_URL", "REDIS_URL") else f"PICSHAPES_{name}"

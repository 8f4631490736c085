"""Run versitygw on loopback over a folder, for as long as an `async with` block lasts.

A bucket is a folder below, an object a file of the object's name, so what was stored can be looked at. The
parts reach it as they reach any S3 store: PICSHAPES_STORAGE_URL names the bucket, and the usual AWS_*
variables say where it is and who asks; `environment` has them all.
"""

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

import httpx
import psutil

from picshapes_cli.controlplane.private_files import make_private_folder
from picshapes_cli.processes import Child, ChildError, ChildExitedError, Children, ChildSpec

REGION: Final = "us-east-1"
HEALTH: Final = "/health"
PORT_INTERVAL_S: Final = 0.05


class ObjectStoreError(Exception):
    """The S3 server did not start. The message ends with the tail of its log."""

    code: ClassVar[str] = "OBJECT_STORE_START_FAILED"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who asks: the only account of the server."""

    access_key: str = field(default_factory=lambda: secrets.token_hex(10))
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)


class ObjectStore:
    """A running S3 server with one bucket, from `__aenter__` to `__aexit__`. `endpoint` is its address."""

    endpoint: str

    def __init__(self, state_dir: Path, program: Path, *, bucket: str, start_timeout_s: float = 60.0) -> None:
        self.state_dir = state_dir.absolute()
        self.bucket = bucket
        self.keys = Keys()
        self._program = program
        self._start_timeout_s = start_timeout_s
        self._children = Children()

    @property
    def url(self) -> str:
        """The bucket, as PICSHAPES_STORAGE_URL names it."""
        return f"s3://{self.bucket}"

    @property
    def folder(self) -> Path:
        """Where the bucket's objects lie as files."""
        return self.state_dir / "buckets" / self.bucket

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a part to the bucket."""
        return {
            "PICSHAPES_STORAGE_URL": self.url,
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
            "AWS_REGION": REGION,
            "AWS_ALLOW_HTTP": "true",  # refused unless said: keys' signatures would go over any network in clear
        }

    async def __aenter__(self) -> Self:
        """Start the server and wait until it serves. Raises ObjectStoreError, and leaves nothing running."""
        async with contextlib.AsyncExitStack() as stack:
            make_private_folder(self.state_dir)
            self.folder.mkdir(parents=True, exist_ok=True)
            await stack.enter_async_context(self._children)
            try:
                await self._start()
            except (ChildError, OSError, TimeoutError) as error:
                raise ObjectStoreError(f"The object store did not start: {error}") from error
            stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server; what it stored stays."""
        await self._children.stop()

    async def _start(self) -> None:
        flags = ["--port", "127.0.0.1:0", "--region", REGION, "--health", HEALTH, "--keep-alive", "--quiet"]
        child = await self._children.start(
            ChildSpec(
                name="versitygw",
                argv=[str(self._program), *flags, "posix", str(self.folder.parent)],
                log_path=self.state_dir / "versitygw.log",
                # By the environment: a command line can be read by every user of the machine.
                env={
                    "ROOT_ACCESS_KEY_ID": self.keys.access_key,
                    "ROOT_SECRET_ACCESS_KEY": self.keys.secret_key,
                },
                cwd=self.state_dir,
            )
        )
        async with asyncio.timeout(self._start_timeout_s):
            self.endpoint = f"http://127.0.0.1:{await _port_of(child)}"
        # trust_env: a proxy that the environment names must not be asked for loopback.
        async with httpx.AsyncClient(base_url=self.endpoint, trust_env=False) as client:
            await child.wait_ready(HEALTH, client=client, timeout_s=self._start_timeout_s)


async def _port_of(child: Child) -> int:
    """Return the port that the kernel gave the child; it is written nowhere else."""
    while True:
        exited = asyncio.ensure_future(child.wait())
        await asyncio.wait({exited}, timeout=PORT_INTERVAL_S)
        if exited.done():
            raise ChildExitedError(child, f"ended with status {child.returncode} before it listened")
        exited.cancel()
        for connection in psutil.Process(child.pid).net_connections("tcp4"):
            if connection.status == psutil.CONN_LISTEN:
                return int(connection.laddr.port)

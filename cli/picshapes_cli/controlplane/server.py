"""Run etcd and kube-apiserver in a state folder, on loopback, for as long as an `async with` block lasts.

The folder keeps everything: objects, credentials, logs. A second start on it finds the objects again, at
another port. There is no controller manager and no kubelet: nothing finishes deleting a namespace, collects
what a deleted owner leaves, or ends a pod that is bound to a node (delete those with a grace period of 0).
"""

import asyncio
import contextlib
import fcntl
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import httpx

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.credentials import ADMIN, Credentials, User
from picshapes_cli.controlplane.errors import ServerExitedError, StartFailedError, StateDirInUseError
from picshapes_cli.controlplane.flags import apiserver_argv, etcd_argv
from picshapes_cli.controlplane.kubeconfig import ClientAccess, write_kubeconfig
from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.private_files import make_private_folder
from picshapes_cli.processes import Child, ChildError, ChildExitedError, Children, ChildSpec

CREDENTIALS_FOLDER = Path("credentials")


@dataclass(frozen=True, slots=True)
class ControlPlaneOptions:
    """`users` besides the admin; `fsync` of False is quicker and may lose data in a power cut: for tests."""

    users: tuple[User, ...] = ()
    fsync: bool = True
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0  # for each of the two servers


DEFAULT_OPTIONS = ControlPlaneOptions()


class ControlPlane:
    """A running control plane, from `__aenter__` to `__aexit__`."""

    url: str
    ca_pem: bytes

    def __init__(
        self, state_dir: Path, binaries: Binaries, options: ControlPlaneOptions = DEFAULT_OPTIONS
    ) -> None:
        self.state_dir = state_dir.absolute()
        self.admin_kubeconfig = self.state_dir / "admin.kubeconfig"
        self._binaries = binaries
        self._options = options
        self._children = Children()
        self._etcd: Child | None = None
        self._apiserver: Child | None = None
        self._tokens: dict[str, str] = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start both servers and wait until they serve. Raises ControlPlaneError, and leaves nothing running."""
        async with contextlib.AsyncExitStack() as stack:
            make_private_folder(self.state_dir)
            stack.enter_context(_sole_owner(self.state_dir))
            await stack.enter_async_context(self._children)
            try:
                await self._start()
            except (ChildError, OSError) as error:
                raise StartFailedError(f"The control plane did not start: {error}") from error
            write_kubeconfig(self.admin_kubeconfig, self.access(self.token(ADMIN.name)))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop kube-apiserver, then etcd."""
        if self._etcd is not None and self._etcd.returncode is not None and self._apiserver is not None:
            self._apiserver.kill()  # it would look for its etcd for as long as it may
        await self._stack.__aexit__(kind, error, trace)

    def token(self, user_name: str) -> str:
        """Return the bearer token of the admin or of one of the options' users."""
        return self._tokens[user_name]

    def access(self, token: str, *, namespace: str = "default") -> ClientAccess:
        """Return what a client needs that shows this token, a user's or a service account's."""
        return ClientAccess(self.url, self.ca_pem, token, namespace)

    def write_kubeconfig(self, path: Path, *, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig (mode 600) for a token, and return its path."""
        write_kubeconfig(path, self.access(token, namespace=namespace))
        return path

    @contextlib.asynccontextmanager
    async def http_client(self, token: str) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client of the API server's URLs, such as /readyz, that shows this token."""
        trust = ssl.create_default_context(cadata=self.ca_pem.decode())
        headers = {"Authorization": f"Bearer {token}"}
        # trust_env: a proxy that the environment names must not be asked for loopback.
        async with httpx.AsyncClient(base_url=self.url, verify=trust, headers=headers, trust_env=False) as client:
            yield client

    async def watch(self) -> NoReturn:
        """Wait for as long as both servers run; raises ServerExitedError once one has ended by itself."""
        child = await self._children.next_exit()
        if child is self._etcd and self._apiserver is not None:
            self._apiserver.kill()  # without its etcd it would let every client wait for half a minute
        raise ServerExitedError(str(ChildExitedError(child, f"ended with status {child.returncode}")))

    async def _start(self) -> None:
        credentials = Credentials(self.state_dir / CREDENTIALS_FOLDER)
        self._tokens = credentials.prepare((ADMIN, *self._options.users), datetime.now(UTC))
        self.ca_pem = credentials.ca.read_bytes()
        with reserved_port() as port:
            self.url = f"https://127.0.0.1:{port}"
            self._etcd = await self._start_child("etcd", etcd_argv(self._binaries.etcd, fsync=self._options.fsync))
            # At once, not after etcd: it looks for etcd half a second later, and asks again if need be.
            argv = apiserver_argv(self._binaries.kube_apiserver, port=port, credentials=CREDENTIALS_FOLDER)
            self._apiserver = await self._start_child("kube-apiserver", argv)
            await self._wait_ready(self._apiserver)

    async def _start_child(self, name: str, argv: list[str]) -> Child:
        return await self._children.start(
            ChildSpec(
                name=name,
                argv=argv,
                log_path=self.state_dir / f"{name}.log",
                cwd=self.state_dir,
                stop_timeout_s=self._options.stop_timeout_s,
            )
        )

    async def _wait_ready(self, apiserver: Child) -> None:
        """Wait for /readyz, which covers etcd's health, too; either server's exit ends the wait."""
        async with self.http_client(self.token(ADMIN.name)) as client:
            ready = asyncio.ensure_future(
                apiserver.wait_ready("/readyz", client=client, timeout_s=self._options.start_timeout_s)
            )
            exited = asyncio.ensure_future(self._children.next_exit())
            try:
                await asyncio.wait({ready, exited}, return_when=asyncio.FIRST_COMPLETED)
                if not ready.done():
                    child = exited.result()
                    raise ChildExitedError(child, f"ended with status {child.returncode}")
                await ready
            finally:
                ready.cancel()
                exited.cancel()


@contextlib.contextmanager
def _sole_owner(state_dir: Path) -> Iterator[None]:
    with (state_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateDirInUseError(
                f"Another control plane runs in {state_dir}. Stop it, or use another folder."
            ) from None
        yield

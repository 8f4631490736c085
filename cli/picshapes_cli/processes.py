"""Child processes of `picshapes up` and of the embedded control plane: start, watch, stop.

Each child is the leader of its own session, so Ctrl-C in a terminal reaches only the parent, which then
stops its children in order, by pid. On Linux the kernel kills every child whose parent died without doing
so. The owner learns of an exit by `Child.wait` or `Children.next_exit`; nothing is restarted here.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx
import structlog

from picshapes_cli.child_logs import ChildLog
from picshapes_cli.parent_death import die_with_parent

log = structlog.get_logger(__name__)

LOG_CHECK_INTERVAL_S = 30.0
PROBE_INTERVAL_S = 0.05
PROBE_TIMEOUT_S = 5.0


class ChildError(Exception):
    """A child process did not do what it was started for. The message ends with the tail of its log."""

    code: ClassVar[str] = "CHILD_FAILED"

    def __init__(self, child: "Child", what: str) -> None:
        super().__init__(f"{child.name} {what}. Its log is {child.log.path}, and ends:\n{child.log.tail()}")
        self.child = child


class ChildExitedError(ChildError):
    """The child ended by itself."""

    code = "CHILD_EXITED"


class ChildNotReadyError(ChildError):
    """The child runs, but its readiness URL did not say so in time."""

    code = "CHILD_NOT_READY"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run; `env` or `cwd` of None is the parent's; `stop_timeout_s` is the grace before SIGKILL."""

    name: str
    argv: Sequence[str]
    log_path: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop_timeout_s: float = 10.0


class Child:
    """One running child process. Made by `start`; its exit may be awaited by any number of tasks."""

    def __init__(self, spec: ChildSpec, process: asyncio.subprocess.Process, log: ChildLog) -> None:
        self.spec = spec
        self.log = log
        self.stopping = False  # somebody asked it to end: its exit is no surprise
        self._process = process
        self._exit = asyncio.create_task(self._watch(), name=f"exit of {spec.name}")

    @classmethod
    async def start(cls, spec: ChildSpec) -> Self:
        """Start the process. Raises OSError when the program can't be run."""
        log = ChildLog(spec.log_path)
        log_descriptor = log.open()
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.argv,
                env=spec.env,
                cwd=spec.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log_descriptor,
                stderr=log_descriptor,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        finally:
            os.close(log_descriptor)
        return cls(spec, process, log)

    @property
    def name(self) -> str:
        """What the owner calls this child, in messages."""
        return self.spec.name

    @property
    def pid(self) -> int:
        """The process id; also the id of the child's process group and session."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for the signal that killed it; None while it runs."""
        return self._process.returncode

    def on_unexpected_exit(self, tell: Callable[["Child"], None]) -> None:
        """Have `tell` called once the child ends without `stop` or `kill`, at once if it already has."""
        self._exit.add_done_callback(lambda _exit: None if self.stopping else tell(self))

    async def wait(self) -> int:
        """Wait for the child to end, and return its exit status."""
        return await asyncio.shield(self._exit)

    async def wait_ready(self, url: str, *, client: httpx.AsyncClient, timeout_s: float) -> None:
        """Wait until a GET of `url` answers 2xx.

        Raises ChildExitedError as soon as the child ends, ChildNotReadyError after `timeout_s`.
        """
        last_answer = "nothing answered"
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        response = await client.get(url, timeout=PROBE_TIMEOUT_S)
                    except httpx.TransportError as error:
                        last_answer = f"{type(error).__name__}: {error}"
                    else:
                        if response.is_success:
                            return
                        last_answer = f"{response.status_code} {response.text[:500]}"
                    await asyncio.wait({self._exit}, timeout=PROBE_INTERVAL_S)
                    if self._exit.done():
                        raise ChildExitedError(self, f"ended with status {self.returncode} before it was ready")
        except TimeoutError:
            what = f"was not ready after {timeout_s:g} s ({url}: {last_answer})"
            raise ChildNotReadyError(self, what) from None

    async def stop(self) -> int:
        """Ask the child to end (SIGTERM), kill it and its process group if it does not, return the status."""
        self.stopping = True
        if self.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.spec.stop_timeout_s):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()
        except asyncio.CancelledError:
            self.kill()  # who stops waiting must not leave it behind
            raise

    def kill(self) -> None:
        """Kill the child and whatever is left in its process group, without waiting."""
        self.stopping = True
        if self.returncode is None:  # else the id may be somebody else's by now
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # nobody is left in it
            os.killpg(self.pid, signal.SIGKILL)

    async def _watch(self) -> int:
        while True:
            try:
                async with asyncio.timeout(LOG_CHECK_INTERVAL_S):
                    status = await self._process.wait()
            except TimeoutError:
                self._bound_log()
            else:
                self._kill_group()  # what the child itself started and left running
                return status

    def _bound_log(self) -> None:
        try:
            self.log.bound()
        except OSError as error:  # a full disk, a deleted file: no reason to lose sight of the process
            log.warning("child log not bounded", child=self.name, path=str(self.log.path), error=str(error))


class Children:
    """The children that one owner started, stopped in the reverse order when the block ends."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._exits: asyncio.Queue[Child] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, spec: ChildSpec) -> Child:
        """Start one more child."""
        child = await Child.start(spec)
        self._children.append(child)
        child.on_unexpected_exit(self._exits.put_nowait)
        return child

    async def next_exit(self) -> Child:
        """Wait for a child, started before or after this call, that ended without being stopped."""
        return await self._exits.get()

    async def stop(self) -> None:
        """Stop every child, the last started first; each has ended when this returns."""
        try:
            while self._children:
                await self._children[-1].stop()
                self._children.pop()
        except asyncio.CancelledError:
            for child in self._children:
                child.kill()
            raise

"""Run one `go` command to its end: output line by line, a bound on time, nothing left when interrupted."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from picshapes_cli.parent_death import die_with_parent


@dataclass(frozen=True, slots=True)
class GoResult:
    """How a command ended, and all it wrote to standard output and error."""

    returncode: int
    output: str
    timed_out: bool


def run_go(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, *, timeout_s: float, on_line: Callable[[str], None]
) -> GoResult:
    """Run `argv`, and call `on_line` for each line it writes, as it writes it.

    On Ctrl-C, or on anything else raised here, the command and the compilers that it started are killed.
    """
    process = subprocess.Popen(  # noqa: S603 - Go itself, found on PATH or in its wheel
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - one prepared system call, nothing that takes a lock
    )
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        _kill_group(process)

    timer = threading.Timer(timeout_s, expire)
    timer.start()
    lines: list[str] = []
    try:
        with process, contextlib.ExitStack() as undone:
            undone.callback(_kill_group, process)  # before the other block is left, which waits for the process
            for line in process.stdout or ():
                lines.append(line)
                on_line(line.rstrip("\n"))
            undone.pop_all()
    finally:
        timer.cancel()
    return GoResult(process.returncode, "".join(lines), timed_out.is_set())


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

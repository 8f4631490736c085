import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import Child, ChildExitedError, ChildNotReadyError, Children, ChildSpec

WAIT_S = 30.0  # a bound, not an expectation

OBEDIENT = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print(sys.argv[1], "stopped", flush=True), sys.exit(0)))
print(sys.argv[1], "runs", flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(sys.argv[1], "runs", flush=True)
while True:
    signal.pause()
"""
SERVER = """
import http.server, socket, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(b"still loading")
class Server(http.server.HTTPServer):
    allow_reuse_port = True
Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


@pytest_asyncio.fixture
async def children() -> AsyncIterator[Children]:
    async with Children() as children:
        yield children


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def log_has(child: Child, text: str) -> None:
    """Wait until the child has written `text`."""
    async with asyncio.timeout(WAIT_S):
        while text not in child.log.tail():
            await asyncio.wait({asyncio.ensure_future(child.wait())}, timeout=0.02)


async def test_the_owner_learns_the_exit_status(children: Children, tmp_path: Path) -> None:
    child = await children.start(ChildSpec("three", python("raise SystemExit(3)"), tmp_path / "log"))

    assert await child.wait() == 3
    assert child.returncode == 3


async def test_what_a_child_writes_is_in_its_log(children: Children, tmp_path: Path) -> None:
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    child = await children.start(ChildSpec("writer", python(program), tmp_path / "logs" / "writer.log"))
    await child.wait()

    assert (tmp_path / "logs" / "writer.log").read_text() == "out\nerr\n"


async def test_a_child_gets_its_environment_and_folder(children: Children, tmp_path: Path) -> None:
    program = "import os; print(os.environ['COLOUR'], os.getcwd())"
    spec = ChildSpec("env", python(program), tmp_path / "log", env={"COLOUR": "blue"}, cwd=tmp_path)
    child = await children.start(spec)
    await child.wait()

    assert child.log.tail() == f"blue {tmp_path}"


async def test_a_program_that_is_not_there_is_an_error(children: Children, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await children.start(ChildSpec("none", ["/no/such/program"], tmp_path / "log"))


async def test_a_child_leads_its_own_session_so_that_a_terminal_does_not_reach_it(
    children: Children, tmp_path: Path
) -> None:
    child = await children.start(ChildSpec("a", python(OBEDIENT, "a"), tmp_path / "log"))

    assert os.getsid(child.pid) == child.pid
    assert os.getpgid(child.pid) == child.pid


async def test_a_stopped_child_may_end_in_its_own_way(children: Children, tmp_path: Path) -> None:
    child = await children.start(ChildSpec("a", python(OBEDIENT, "a"), tmp_path / "log"))
    await log_has(child, "a runs")

    assert await child.stop() == 0
    assert child.log.tail() == "a runs\na stopped"


async def test_a_child_that_ignores_the_request_is_killed(children: Children, tmp_path: Path) -> None:
    spec = ChildSpec("stubborn", python(STUBBORN, "s"), tmp_path / "log", stop_timeout_s=0.2)
    child = await children.start(spec)
    await log_has(child, "s runs")

    assert await child.stop() == -signal.SIGKILL


async def test_a_cancelled_stop_leaves_nothing_running(children: Children, tmp_path: Path) -> None:
    child = await children.start(ChildSpec("stubborn", python(STUBBORN, "s"), tmp_path / "log"))
    await log_has(child, "s runs")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await child.stop()

    assert await child.wait() == -signal.SIGKILL


async def test_stopping_an_ended_child_returns_its_status(children: Children, tmp_path: Path) -> None:
    child = await children.start(ChildSpec("three", python("raise SystemExit(3)"), tmp_path / "log"))
    await child.wait()

    assert await child.stop() == 3


async def test_the_last_started_is_stopped_first(tmp_path: Path) -> None:
    log_path = tmp_path / "shared.log"
    async with Children() as children:
        for name in ("first", "second", "third"):
            child = await children.start(ChildSpec(name, python(OBEDIENT, name), log_path))
            await log_has(child, f"{name} runs")

    stopped = [line for line in log_path.read_text().splitlines() if line.endswith("stopped")]
    assert stopped == ["third stopped", "second stopped", "first stopped"]


async def test_an_unexpected_exit_is_told_and_a_stop_is_not(children: Children, tmp_path: Path) -> None:
    stopped = await children.start(ChildSpec("stopped", python(OBEDIENT, "a"), tmp_path / "a"))
    await stopped.stop()
    crashed = await children.start(ChildSpec("crashed", python("raise SystemExit(7)"), tmp_path / "b"))

    async with asyncio.timeout(WAIT_S):
        assert await children.next_exit() is crashed


async def test_what_a_child_left_running_goes_with_it(children: Children, tmp_path: Path) -> None:
    program = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    child = await children.start(ChildSpec("parent", python(program), tmp_path / "log"))
    await child.wait()

    grandchild_pid = int(child.log.tail())
    assert ended(grandchild_pid)


def ended(pid: int) -> bool:
    """Wait for the end of a process that is nobody's child here; a zombie that waits to be reaped has ended."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        process.wait(WAIT_S)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid)


def test_no_child_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from picshapes_cli.processes import Children, ChildSpec
async def main():
    async with Children() as children:
        child = await children.start(ChildSpec("sleeper", ["sleep", "600"], Path({str(tmp_path / "log")!r})))
        print(child.pid, flush=True)
        await child.wait()
asyncio.run(main())
"""
    with subprocess.Popen(python(program), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        assert psutil.pid_exists(child_pid)
        parent.kill()

    assert ended(child_pid)


async def test_a_child_is_ready_when_its_url_says_so(
    children: Children, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with reserved_port() as port:
        child = await children.start(ChildSpec("server", python(SERVER, str(port)), tmp_path / "log"))
        await child.wait_ready(f"http://127.0.0.1:{port}/readyz", client=client, timeout_s=WAIT_S)

    assert child.returncode is None


async def test_a_child_that_is_not_ready_in_time_is_an_error_with_the_last_answer(
    children: Children, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with reserved_port() as port:
        child = await children.start(ChildSpec("server", python(SERVER, str(port)), tmp_path / "log"))
        await child.wait_ready(f"http://127.0.0.1:{port}/readyz", client=client, timeout_s=WAIT_S)
        with pytest.raises(ChildNotReadyError, match=r"not ready after 0.3 s .*503 still loading") as caught:
            await child.wait_ready(f"http://127.0.0.1:{port}/never", client=client, timeout_s=0.3)

    assert caught.value.code == "CHILD_NOT_READY"


async def test_a_child_that_ends_before_it_is_ready_is_an_error_with_its_last_words(
    children: Children, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with reserved_port() as port:
        child = await children.start(
            ChildSpec("broken", python("raise SystemExit('no such model')"), tmp_path / "log")
        )
        with pytest.raises(ChildExitedError, match=r"(?s)broken ended with status 1 .*no such model") as caught:
            await child.wait_ready(f"http://127.0.0.1:{port}/", client=client, timeout_s=WAIT_S)

    assert caught.value.code == "CHILD_EXITED"

"""`picshapes up` as a user runs it: a process of its own, found by its ready file, stopped by a signal."""

import base64
import contextlib
import json
import os
import select
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import yaml

from .kubectl import Kubectl

PICSHAPES = Path(sys.executable).with_name("picshapes")
READY_WITHIN_S = 300.0
"""The stand-in weights are made on the first use: a minute on a busy machine."""
STOPPED_WITHIN_S = 90.0
SEEN_WITHIN_S = 90.0
POLL_S = 0.05
TAIL_BYTES = 3000

Found = TypeVar("Found")

running: list["Stack"] = []
"""What runs now; a failed test shows the ends of its logs."""


def until(look: Callable[[], Found | None], what: str, timeout_s: float = SEEN_WITHIN_S) -> Found:
    """Look again and again, where nothing tells of a change, until there is something; return it."""
    give_up = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < give_up, f"not within {timeout_s:g} s: {what}"
        time.sleep(POLL_S)


class Ended:
    """Waits for the end of processes that are not ours to wait for, by a descriptor of each."""

    def __init__(self, processes: list[psutil.Process]) -> None:
        self._open: dict[int, str] = {}
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has ended already
                told = f"{process.pid} {' '.join(process.cmdline()[:4])}"
                self._open[os.pidfd_open(process.pid)] = told

    def wait(self, timeout_s: float = STOPPED_WITHIN_S) -> list[str]:
        """Wait until all have ended; return what still runs after that time."""
        give_up = time.monotonic() + timeout_s
        try:
            while self._open and (left_s := give_up - time.monotonic()) > 0:
                for ended in select.select(list(self._open), [], [], left_s)[0]:
                    del self._open[ended]
                    os.close(ended)
            return sorted(self._open.values())
        finally:
            for descriptor in self._open:
                os.close(descriptor)


@dataclass(frozen=True)
class Stack:
    """One running `picshapes up`."""

    process: subprocess.Popen[bytes]
    folder: Path
    ready_file: Path
    output: Path
    kubectl_binary: Path

    @property
    def ready(self) -> dict[str, str]:
        """What the ready file says."""
        answer: dict[str, str] = json.loads(self.ready_file.read_text())
        return answer

    @property
    def kubectl(self) -> Kubectl:
        """kubectl with the kubeconfig that the ready file names."""
        return self.kubectl_as(Path(self.ready["kubeconfig"]))

    def kubectl_as(self, kubeconfig: str | Path) -> Kubectl:
        """Return kubectl with the credentials of a part (`worker-0`), or of a kubeconfig of one's own."""
        own = kubeconfig if isinstance(kubeconfig, Path) else self.folder / f"kubeconfigs/{kubeconfig}.kubeconfig"
        return Kubectl(self.kubectl_binary, own, self.ready_file.with_name("kubectl-cache"))

    @contextlib.contextmanager
    def api_server(self, part: str) -> Iterator[httpx.Client]:
        """Give a client of the API server's own URLs with the token of a part, for what kubectl can't ask."""
        config = yaml.safe_load((self.folder / f"kubeconfigs/{part}.kubeconfig").read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        headers = {"Authorization": f"Bearer {user['token']}"}
        with httpx.Client(base_url=cluster["server"], headers=headers, verify=trust, trust_env=False) as client:
            yield client

    @contextlib.contextmanager
    def api(self, key: str = "api_key") -> Iterator[httpx.Client]:
        """Give a client of the REST API, as the first user or (`admin_key`) the first admin."""
        headers = {"Authorization": f"Bearer {self.ready[key]}"}
        with httpx.Client(base_url=self.ready["api_url"], headers=headers, trust_env=False, timeout=30) as client:
            yield client

    def submit(self, **request: Any) -> dict[str, Any]:
        """POST a job."""
        with self.api() as api:
            answer = api.post("/api/v1/jobs", json={"prompt": "a red circle on a blue background", **request})
        assert answer.status_code == 201, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def job(self, job_id: str) -> dict[str, Any] | None:
        """GET a job; None while the API does not answer, or does not know it (yet)."""
        try:
            with self.api() as api:
                answer = api.get(f"/api/v1/jobs/{job_id}")
        except httpx.TransportError:
            return None
        job: dict[str, Any] = answer.json()
        return job if answer.status_code == 200 else None

    def until_job(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Ask until the job has one of these statuses."""

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job and job["status"] in statuses else None

        return until(look, f"job {job_id} {' or '.join(statuses)}")

    def children(self) -> list[psutil.Process]:
        """Return all processes that `up` started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> psutil.Process:
        """Return the process of a part (`api`, `operator`, `worker-0`), waiting for one that starts again."""

        def look() -> psutil.Process | None:
            return next((child for child in self.children() if _is_part(child, name)), None)

        return until(look, f"a process of {name}")

    def kill(self, name: str) -> None:
        """Kill a part outright, and wait for its end."""
        process = self.part(name)
        ended = Ended([process])
        process.kill()
        assert ended.wait() == []

    def until_ready_again(self, name: str) -> None:
        """Wait until a part that was killed runs again and says that it is ready."""
        port = self.part(name).environ()["PICSHAPES_PORT" if name == "api" else "PICSHAPES_PROBE_PORT"]
        until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), f"{name} is ready again")

    def pictures(self, job_id: str) -> list[str]:
        """Return the names of the pictures that lie in the store for a job."""
        return sorted(path.name for path in (self.folder / "results" / job_id).glob("*"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop `up` by a signal to it (SIGINT: to its process group, as a terminal does); return its status."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.process.wait(STOPPED_WITHIN_S)

    def logs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the end of what each process said."""
        for path in [self.output, *sorted(self.folder.glob("logs/*.log"))]:
            yield path.name, path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")


def _is_part(process: psutil.Process, name: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        argv = process.cmdline()
        if name in ("api", "operator"):
            return argv[-1:] == [f"picshapes_{name}"]
        return argv[-1:] == ["picshapes_worker"] and process.environ().get("PICSHAPES_POD_NAME") == name
    return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Launcher:
    """Starts `picshapes up` in folders under `scratch`."""

    scratch: Path
    kubectl_binary: Path

    def begin(self, *options: str, folder: Path | None = None, settings: Mapping[str, str] | None = None) -> Stack:
        """Start it and return at once."""
        folder = folder or self.scratch / "dir"
        ready_file, output = self.scratch / "ready.json", self.scratch / "up.log"
        argv: list[str | Path] = [
            PICSHAPES,
            "up",
            "--dir",
            folder,
            "--port",
            "0",
            "--ready-file",
            ready_file,
            *options,
        ]
        with output.open("ab") as out:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(settings or {})},
                cwd=self.scratch,
                start_new_session=True,
            )
        return Stack(process, folder, ready_file, output, self.kubectl_binary)

    @contextlib.contextmanager
    def up(
        self, *options: str, folder: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> Iterator[Stack]:
        """Run it for as long as the block lasts, from when it is ready."""
        stack = self.begin(*options, folder=folder, settings=settings)
        running.append(stack)
        try:
            await_ready(stack)
            yield stack
        finally:
            running.remove(stack)
            end(stack)


def await_ready(stack: Stack) -> None:
    """Wait for the ready file; a start that failed ends the wait."""

    def look() -> bool:
        if stack.process.poll() is not None:
            raise AssertionError(f"picshapes up ended with {stack.process.returncode}:\n{dict(stack.logs())}")
        return stack.ready_file.exists()

    until(look, "the ready file", READY_WITHIN_S)


def end(stack: Stack) -> None:
    """Stop a stack, if it still runs, outright if need be."""
    if stack.process.poll() is None:
        try:
            stack.stop()
        finally:
            stack.process.kill()
            stack.process.wait()

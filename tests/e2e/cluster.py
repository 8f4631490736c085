"""A cluster as its administrator uses it: kubectl, helm, and HTTP through a forwarded port."""

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CHART: Final = Path(__file__).parents[2] / "charts" / "picshapes"
CALL_LIMIT_S: Final = 900
"""No command may last longer; those that wait for something say how long themselves."""


class CommandFailedError(AssertionError):
    """A command that had to succeed did not: what it said is the message."""


@dataclass(frozen=True)
class Cluster:
    """kubectl and helm with an administrator's credentials, in one namespace."""

    kubectl_program: Path
    helm_program: Path
    kubeconfig: Path
    namespace: str

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl; raises CommandFailedError with what it said when it fails."""
        return _run([self.kubectl_program, *self._access("-n", self.namespace), *words], stdin)

    def refused(self, *words: str, stdin: str = "") -> str:
        """Run kubectl, which must be refused, and return its words."""
        try:
            answer = self.kubectl(*words, stdin=stdin)
        except CommandFailedError as refusal:
            return str(refusal)
        raise AssertionError(f"kubectl {' '.join(words)} was let through: {answer}")

    def read(self, *words: str) -> dict[str, Any]:
        """Return `kubectl get` as JSON."""
        answer: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return answer

    def create(self, *objects: dict[str, Any]) -> None:
        """Create objects in one call."""
        self.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def helm(self, *words: str | Path) -> str:
        """Run helm; raises CommandFailedError with what it said when it fails."""
        return _run([self.helm_program, *self._access("--namespace", self.namespace), *words], "")

    def python_in(self, workload: str, script: str) -> Any:
        """Run Python in a workload's first container; what it prints is JSON."""
        return json.loads(self.kubectl("exec", workload, "--", "python", "-c", script))

    @contextmanager
    def written(self, path: str, file: Path) -> Iterator[None]:
        """Write the API server's answer to a GET into a file for as long as it goes on, as a watch's does."""
        words: list[str | Path] = [self.kubectl_program, *self._access("-n", self.namespace), "get", "--raw", path]
        with file.open("w") as out, subprocess.Popen(words, stdout=out) as answer:
            try:
                yield
            finally:
                answer.terminate()

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[str]:
        """Give the address on this machine that leads to the port of one of the service's pods."""
        words: list[str | Path] = [
            self.kubectl_program,
            *self._access("-n", self.namespace),
            "port-forward",
            service,
            f":{port}",
        ]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forward:
            try:
                assert forward.stdout is not None
                ready, _, _ = select.select([forward.stdout], [], [], 60)
                line = forward.stdout.readline() if ready else "nothing within 60 s"
                assert line.startswith("Forwarding from 127.0.0.1:"), f"kubectl port-forward {service}: {line}"
                yield "http://" + line.split()[2]
            finally:
                forward.terminate()

    def _access(self, flag: str, namespace: str) -> list[str]:
        return ["--kubeconfig", str(self.kubeconfig), flag, namespace]


def _run(words: list[Any], stdin: str) -> str:
    """Run a program to its end."""
    done = subprocess.run(
        [str(word) for word in words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=CALL_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise CommandFailedError(f"{' '.join(map(str, words[5:]))}: {done.stderr}{done.stdout}")
    return done.stdout.strip()

"""kubectl as a user runs it: one call a command, its answer as text or JSON, its refusals as text."""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LIMIT_S = 120.0
"""No call may last longer; those that wait for something have their own, shorter `--timeout`."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl with one user's credentials; it keeps its discovery cache in `cache`, not in the home folder."""

    binary: Path
    kubeconfig: Path
    cache: Path
    namespace: str = ""
    """Where it looks; empty: where the kubeconfig says."""

    def call(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command, whatever comes of it."""
        access: list[str | Path] = ["--kubeconfig", self.kubeconfig, "--cache-dir", self.cache]
        place = ["--namespace", self.namespace] if self.namespace else []
        argv = [self.binary, *access, *place, *args]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def __call__(self, *args: str, stdin: str = "") -> str:
        """Run a command that must succeed, and return what it prints."""
        done = self.call(*args, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout.strip()

    def refused(self, *args: str, stdin: str = "") -> str:
        """Run a command that must be refused, and return why."""
        done = self.call(*args, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(args)} was let through: {done.stdout}"
        return done.stderr.strip()

    def read(self, *args: str) -> dict[str, Any]:
        """Return an object, or a list of them, as JSON."""
        answer: dict[str, Any] = json.loads(self("get", *args, "-o", "json"))
        return answer

    def apply(self, name: str, **spec: Any) -> str:
        """Apply a job, and return what kubectl says of it."""
        return self("apply", "-f", "-", stdin=job_file(name, **spec))

    def wait_for(self, name: str, condition: str, timeout_s: int = 90) -> None:
        """Wait for a job, as by `kubectl wait --for`."""
        self("wait", f"--for={condition}", f"generationjob/{name}", f"--timeout={timeout_s}s")

    def processing(self, name: str) -> dict[str, Any]:
        """Wait until a worker runs the job."""
        self.wait_for(name, "jsonpath={.status.phase}=Processing")
        return self.read("gj", name)

    def finished(self, name: str, timeout_s: int = 90) -> dict[str, Any]:
        """Wait until the job has ended, well or not."""
        self.wait_for(name, "condition=Finished", timeout_s)
        return self.read("gj", name)

    def elsewhere(self, namespace: str) -> "Kubectl":
        """Return kubectl as the same user in another namespace."""
        return replace(self, namespace=namespace)

    def with_credentials(self, kubeconfig: Path) -> "Kubectl":
        """Return kubectl as another user."""
        return replace(self, kubeconfig=kubeconfig)


def job_file(name: str, **spec: Any) -> str:
    """Return the file of a job; a prompt is all it needs."""
    return json.dumps(
        {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "metadata": {"name": name},
            "spec": {"prompt": "a red circle on a blue background", **spec},
        }
    )

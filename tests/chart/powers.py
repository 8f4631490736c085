"""The installed roles and policies on a real API server, where nothing runs: who may do what by them.

The workers' tokens are bound to Pod objects, as the kubelet's are.
"""

import json
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from tests.integration.kubectl import Kubectl, job_file

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .rendering import Chart

POWER: Final = {
    "ServiceAccount",
    "Secret",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
IN_FORCE_WITHIN_S: Final = 90.0
LABELS: Final = {"app.kubernetes.io/component": "worker"}


def merge(**fields: object) -> tuple[str, ...]:
    """Return kubectl's words for a merge patch."""
    return "--type=merge", "-p", json.dumps(fields)


def lease(name: str) -> str:
    """Return a Lease's file."""
    return json.dumps({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}})


@dataclass(frozen=True)
class Powers:
    """The administrator of the release's namespace, where the pods of two workers are, and the parts."""

    admin: Kubectl
    namespace: str
    _control_plane: ControlPlane
    _folder: Path

    def of(self, part: str) -> Kubectl:
        """Return kubectl with the token of `api`, of `operator`, or of the pod `worker-a` or `worker-b`."""
        words = ["create", "token", f"picshapes-{part.partition('-')[0]}"]
        if part.startswith("worker"):
            uid = self.admin.read("pod", part)["metadata"]["uid"]
            words += ["--bound-object-kind=Pod", f"--bound-object-name={part}", f"--bound-object-uid={uid}"]
        token = self.admin(*words)
        config = self._control_plane.write_kubeconfig(self._folder / part, token=token, namespace=self.namespace)
        return self.admin.with_credentials(config)

    def worker(self) -> Kubectl:
        """Return kubectl with the token of worker-a, once the API server knows the policies, some time later."""
        own = self.of("worker-a")
        labels = merge(metadata={"labels": {"picshapes.io/a": "b"}})
        in_force(own, "patch", "pod", "worker-b", *labels, allowed=False)
        in_force(own, "create", "-f", "-", stdin=lease("other"), allowed=False)
        return own

    def operator(self) -> Kubectl:
        """Return kubectl with the operator's token, once its policy is in force."""
        own = self.of("operator")
        in_force(own, "patch", "pod", "worker-b", *merge(metadata={"labels": {"a": "b"}}), allowed=False)
        return own

    def hold_jobs(self, namespace: str) -> None:
        """Make a job that each worker holds, `held-by-a` and `held-by-b`."""
        for one in ("a", "b"):
            self.admin("create", "-n", namespace, "-f", "-", stdin=job_file(f"held-by-{one}"))
            status = {"phase": "Claimed", "attempt": 1, "workerName": f"worker-{one}"}
            self.admin(
                "patch", "-n", namespace, "gj", f"held-by-{one}", "--subresource=status", *merge(status=status)
            )

    def write_progress(self, own: Kubectl, job: str, namespace: str | None = None) -> tuple[int, str]:
        """Patch a job's status, which kubectl would read first; return the answer's status and message."""
        token = yaml.safe_load(own.kubeconfig.read_text())["users"][0]["user"]["token"]
        jobs = f"apis/picshapes.io/v1alpha1/namespaces/{namespace or self.namespace}/generationjobs"
        answer = httpx.patch(
            f"{self._control_plane.url}/{jobs}/{job}/status",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
            content=json.dumps({"status": {"progress": "1/8"}}),
            verify=ssl.create_default_context(cadata=self._control_plane.ca_pem.decode()),
            trust_env=False,
            timeout=60,
        )
        return answer.status_code, answer.json().get("message", "")


@contextmanager
def granted(
    chart: Chart, control_plane: ControlPlane, binaries: Binaries, folder: Path, values: dict[str, Any]
) -> Iterator[Powers]:
    """Have what these values give the parts the right to, in a new namespace and new ones of `jobNamespaces`."""
    namespace = f"power-{uuid.uuid4().hex[:12]}"
    token = control_plane.token("picshapes-admin")
    config = control_plane.write_kubeconfig(folder / "admin", token=token, namespace=namespace)
    assert binaries.kubectl is not None
    admin = Kubectl(binaries.kubectl, config, folder / "cache")
    namespaces = (namespace, *values.get("jobNamespaces", ()))
    for one in namespaces:
        admin("create", "namespace", one)
    release = chart.render({"crds.enabled": False, **values}, "picshapes", namespace)
    manifest = yaml.safe_dump_all([one for one in release.objects if one["kind"] in POWER])
    admin("apply", "-f", "-", stdin=manifest)
    for name in ("worker-a", "worker-b"):
        container = {"name": "worker", "image": "none"}
        pod = {
            "metadata": {"name": name, "labels": LABELS},
            "spec": {"serviceAccountName": "picshapes-worker", "containers": [container]},
        }
        admin("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}))
    yield Powers(admin, namespace, control_plane, folder)
    for one in release.objects:
        if one["kind"].startswith("ValidatingAdmission"):
            admin("delete", one["kind"], one["metadata"]["name"])
    admin("delete", "namespace", *namespaces, "--wait=false")


def in_force(own: Kubectl, *words: str, allowed: bool, stdin: str = "") -> None:
    """Wait until the API server, which learns of roles and policies some time later, lets this be done or not."""
    deadline_s = time.monotonic() + IN_FORCE_WITHIN_S
    while (own.call(*words, "--dry-run=server", stdin=stdin).returncode == 0) is not allowed:
        assert time.monotonic() < deadline_s, "the roles or policies are not in force"

"""The installed roles and policies on a real API server: what a worker's own token may do, and what it may not.

The tokens are bound to Pod objects, as the kubelet's are; the chart's ServiceAccounts, Roles and policies are
applied, and nothing runs.
"""

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
import yaml
from tests.integration.kubectl import Kubectl, job_file

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .rendering import Chart

POWER = {
    "ServiceAccount",
    "Secret",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
IN_FORCE_WITHIN_S = 90.0
COST = "controller.kubernetes.io/pod-deletion-cost"
LABELS = {"app.kubernetes.io/component": "worker"}

As = Callable[[str], Kubectl]


def merge(**fields: object) -> tuple[str, ...]:
    return "--type=merge", "-p", json.dumps(fields)


@pytest.fixture(scope="module")
def admin(
    chart: Chart,
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - jobs must be known
    binaries: Binaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kubectl]:
    """The administrator of a namespace with the chart's roles and policies, two workers' pods and a job of one."""
    folder, namespace = tmp_path_factory.mktemp("power"), f"power-{uuid.uuid4().hex[:12]}"
    token = control_plane.token("picshapes-admin")
    config = control_plane.write_kubeconfig(folder / "admin", token=token, namespace=namespace)
    assert binaries.kubectl is not None
    kubectl = Kubectl(binaries.kubectl, config, folder / "cache")
    kubectl("create", "namespace", namespace)
    values = {"crds.enabled": False, "worker.autoscaling.type": "keda"}
    release = chart.render(values, "picshapes", namespace)
    manifest = yaml.safe_dump_all([one for one in release.objects if one["kind"] in POWER])
    kubectl("apply", "-f", "-", stdin=manifest)
    for name in ("worker-a", "worker-b"):
        container = {"name": "worker", "image": "none"}
        pod = {
            "metadata": {"name": name, "labels": LABELS},
            "spec": {"serviceAccountName": "picshapes-worker", "containers": [container]},
        }
        kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}))
    for name, worker in (("held-by-a", "worker-a"), ("held-by-b", "worker-b")):
        kubectl("create", "-f", "-", stdin=job_file(name))
        status = {"phase": "Claimed", "attempt": 1, "workerName": worker}
        kubectl("patch", "gj", name, "--subresource=status", *merge(status=status))
    yield kubectl
    for one in release.objects:
        if one["kind"].startswith("ValidatingAdmission"):
            kubectl("delete", one["kind"], one["metadata"]["name"])
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def bound(admin: Kubectl, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> As:
    """kubectl with the token of a part: of the API, the operator, or of one of the two workers' pods."""
    folder = tmp_path_factory.mktemp("tokens")
    namespace = admin.read("gj", "held-by-a")["metadata"]["namespace"]

    def token_of(name: str) -> Kubectl:
        words = ["create", "token", f"picshapes-{name.partition('-')[0]}"]
        if name.startswith("worker"):
            uid = admin.read("pod", name)["metadata"]["uid"]
            words += ["--bound-object-kind=Pod", f"--bound-object-name={name}", f"--bound-object-uid={uid}"]
        config = control_plane.write_kubeconfig(folder / name, token=admin(*words), namespace=namespace)
        return Kubectl(admin.binary, config, admin.cache)

    return token_of


def lease(name: str) -> str:
    return json.dumps({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}})


@pytest.fixture(scope="module")
def worker(bound: As) -> Kubectl:
    """kubectl with the token of worker-a, once the API server has learned of the policies, some time later."""
    own = bound("worker-a")
    change = merge(metadata={"labels": {"picshapes.io/a": "b"}})
    deadline_s = time.monotonic() + IN_FORCE_WITHIN_S
    for words, stdin in ((("patch", "pod", "worker-b", *change), ""), (("create", "-f", "-"), lease("other"))):
        while own.call(*words, "--dry-run=server", stdin=stdin).returncode == 0:
            assert time.monotonic() < deadline_s, "the policies are not in force"
    return own


def write_progress(control_plane: ControlPlane, own: Kubectl, job: str) -> tuple[int, str]:
    """Patch a job's status, which kubectl would read first; return the answer's status and message."""
    access = yaml.safe_load(own.kubeconfig.read_text())
    token, namespace = access["users"][0]["user"]["token"], access["contexts"][0]["context"]["namespace"]
    answer = httpx.patch(
        f"{control_plane.url}/apis/picshapes.io/v1alpha1/namespaces/{namespace}/generationjobs/{job}/status",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"},
        content=json.dumps({"status": {"progress": "1/8"}}),
        verify=ssl.create_default_context(cadata=control_plane.ca_pem.decode()),
        trust_env=False,
        timeout=60,
    )
    return answer.status_code, answer.json().get("message", "")


def test_a_worker_writes_the_status_of_the_job_that_its_pod_holds_and_of_no_other(
    worker: Kubectl, control_plane: ControlPlane
) -> None:
    status, message = write_progress(control_plane, worker, "held-by-b")
    assert status == 403
    assert "a worker may change the status only of jobs that its own pod holds" in message
    assert write_progress(control_plane, worker, "held-by-a") == (200, "")


@pytest.mark.parametrize(
    "what",
    [
        "get secrets",
        "list secrets",
        "create generationjobs.picshapes.io",
        "patch generationjobs.picshapes.io",
        "delete generationjobs.picshapes.io",
        "list pods",
        "delete pods",
        "create serviceaccounts/token",
        "write-any generationjobs.picshapes.io/status",
        "set generationjobs.picshapes.io/owner",
    ],
)
def test_a_worker_may_not(worker: Kubectl, what: str) -> None:
    assert worker.call("auth", "can-i", *what.split()).stdout.strip() == "no"


def test_a_worker_labels_its_own_pod_with_what_it_serves_and_changes_nothing_else(worker: Kubectl) -> None:
    worker("patch", "pod", "worker-a", *merge(metadata={"labels": {"picshapes.io/vram-mib": "24564"}}))
    refusals = {
        "another's pod": ("worker-b", {"labels": {"picshapes.io/vram-mib": "1"}}),
        "another label": ("worker-a", {"labels": {"app.kubernetes.io/component": "api"}}),
        "an annotation": ("worker-a", {"annotations": {"a": "b"}}),
    }
    said = {
        what: worker.refused("patch", "pod", name, *merge(metadata=metadata)).rpartition(": ")[2]
        for what, (name, metadata) in refusals.items()
    }
    assert said == {
        "another's pod": "a worker may change only its own pod",
        "another label": "a worker may change only labels of picshapes.io",
        "an annotation": "a worker may change only labels of its pod",
    }


def test_a_worker_makes_its_own_lease_and_no_other(worker: Kubectl) -> None:
    worker("create", "-f", "-", stdin=lease("worker-a"))
    refusal = worker.refused("create", "-f", "-", stdin=lease("picshapes-operator"))
    assert "a worker may write only the Lease of its own pod's name" in refusal


@pytest.fixture(scope="module")
def operator(bound: As) -> Kubectl:
    """kubectl with the operator's token, once its policy is in force."""
    own = bound("operator")
    deadline_s = time.monotonic() + IN_FORCE_WITHIN_S
    change = merge(metadata={"labels": {"a": "b"}})
    while own.call("patch", "pod", "worker-b", *change, "--dry-run=server").returncode == 0:
        assert time.monotonic() < deadline_s, "the policy is not in force"
    return own


def test_the_operator_gives_pods_a_deletion_cost_and_changes_nothing_else_of_them(operator: Kubectl) -> None:
    for cost in ("-1", None):
        operator("patch", "pod", "worker-b", *merge(metadata={"annotations": {COST: cost}}))
    changes: dict[str, dict[str, object]] = {
        "another annotation": {"metadata": {"annotations": {COST: "-1", "a": "b"}}},
        "a label": {"metadata": {"labels": {"app.kubernetes.io/component": "api"}}},
        "the image": {"spec": {"containers": [{"name": "worker", "image": "other"}]}},
        "a finalizer": {"metadata": {"finalizers": ["example.org/a"]}},
    }
    said = {
        what: operator.refused("patch", "pod", "worker-b", *merge(**change)).rpartition(": ")[2]
        for what, change in changes.items()
    }
    assert said == dict.fromkeys(changes, "the operator may change only the deletion cost of a pod")


def test_only_the_api_says_whose_a_job_is(bound: As, admin: Kubectl) -> None:
    bound("api")("create", "--dry-run=server", "-f", "-", stdin=job_file("mine", owner="somebody"))
    assert bound("operator").call("auth", "can-i", "create", "gj").stdout.strip() == "no"
    assert admin.call("auth", "can-i", "set", "generationjobs.picshapes.io/owner").stdout.strip() == "yes"


def test_the_api_reads_and_fills_the_first_administrators_secret_and_no_other(bound: As) -> None:
    api = bound("api")
    api("patch", "secret", "picshapes-admin", *merge(data={"email": "YUBi"}), "--dry-run=server")
    assert "cannot get resource" in api.refused("get", "secret", "picshapes-store")
    assert api.call("auth", "can-i", "list", "secrets").stdout.strip() == "no"

"""The installed roles and policies in the release's namespace: what a worker's own token may do, and what not."""

from collections.abc import Iterator

import pytest
from tests.integration.kubectl import Kubectl, job_file

from .conftest import Grant
from .powers import Powers, in_force, lease, merge

COST = "controller.kubernetes.io/pod-deletion-cost"


@pytest.fixture(scope="module")
def powers(grant: Grant) -> Iterator[Powers]:
    """What the chart gives its parts where it scales its pool, and a job of each of two workers."""
    with grant({"worker.autoscaling.type": "keda"}) as powers:
        powers.hold_jobs(powers.namespace)
        yield powers


@pytest.fixture(scope="module")
def worker(powers: Powers) -> Kubectl:
    return powers.worker()


@pytest.fixture(scope="module")
def operator(powers: Powers) -> Kubectl:
    return powers.operator()


def test_a_worker_writes_the_status_of_the_job_that_its_pod_holds_and_of_no_other(
    powers: Powers, worker: Kubectl
) -> None:
    status, message = powers.write_progress(worker, "held-by-b")
    assert status == 403
    assert "a worker may change the status only of jobs that its own pod holds" in message
    assert powers.write_progress(worker, "held-by-a") == (200, "")


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


def test_only_the_api_says_whose_a_job_is(powers: Powers) -> None:
    powers.of("api")("create", "--dry-run=server", "-f", "-", stdin=job_file("mine", owner="somebody"))
    assert powers.of("operator").call("auth", "can-i", "create", "gj").stdout.strip() == "no"
    assert powers.admin.call("auth", "can-i", "set", "generationjobs.picshapes.io/owner").stdout.strip() == "yes"


def test_only_who_has_the_right_puts_a_job_before_everybody_elses(powers: Powers) -> None:
    powers.admin("create", "role", "artist", "--verb=create", "--resource=generationjobs.picshapes.io")
    powers.admin("create", "role", "press", "--verb=raise", "--resource=generationjobs.picshapes.io/priority")
    powers.admin("create", "rolebinding", "artist", "--role=artist", "--user=artist", "--user=press")
    powers.admin("create", "rolebinding", "press", "--role=press", "--user=press")
    making, raised = ("create", "-f", "-"), job_file("one", priority=1)
    in_force(powers.admin, *making, "--as=artist", stdin=job_file("one"), allowed=True)
    in_force(powers.admin, *making, "--as=artist", stdin=raised, allowed=False)

    refusal = powers.admin.refused(*making, "--as=artist", stdin=raised)
    assert "takes the right to raise generationjobs.picshapes.io/priority: leave it out" in refusal
    for priority in (0, -5):
        powers.admin(*making, "--as=artist", "--dry-run=server", stdin=job_file("one", priority=priority))
    powers.admin(*making, "--as=press", stdin=raised)


def test_the_api_reads_and_fills_the_first_administrators_secret_and_no_other(powers: Powers) -> None:
    api = powers.of("api")
    api("patch", "secret", "picshapes-admin", *merge(data={"email": "YUBi"}), "--dry-run=server")
    assert "cannot get resource" in api.refused("get", "secret", "picshapes-store")
    assert api.call("auth", "can-i", "list", "secrets").stdout.strip() == "no"

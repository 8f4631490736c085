"""Least power: what each part's own token may not do, on a running PicShapes."""

import json
from collections.abc import Iterator

import pytest

from .kubectl import Kubectl, job_file
from .stack import Stack


@pytest.fixture(scope="module")
def held(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    """A job that a worker runs, and that worker's name."""
    kubectl.apply("held", steps=100, deadlineSeconds=600)
    yield "held", kubectl.processing("held")["status"]["workerName"]
    kubectl("delete", "gj", "held")


def other(worker: str) -> str:
    return {"worker-0": "worker-1", "worker-1": "worker-0"}[worker]


def merge(**fields: object) -> tuple[str, ...]:
    return "--type=merge", "-p", json.dumps(fields), "--dry-run=server"


NOBODY_BUT_AN_ADMIN = [
    "list secrets",
    "get secrets",
    "create pods",
    "delete pods",
    "list nodes",
    "create roles.rbac.authorization.k8s.io",
    "create serviceaccounts/token",
    "update customresourcedefinitions.apiextensions.k8s.io",
    "list generationjobs.picshapes.io --all-namespaces",
]
REFUSED = {
    "worker-0": [
        *NOBODY_BUT_AN_ADMIN,
        "create generationjobs.picshapes.io",
        "patch generationjobs.picshapes.io",
        "delete generationjobs.picshapes.io",
        "list pods",
        "list leases.coordination.k8s.io",
    ],
    "operator": [
        *NOBODY_BUT_AN_ADMIN,
        "create generationjobs.picshapes.io",
        "patch generationjobs.picshapes.io",
        "patch pods",
        "delete leases.coordination.k8s.io",
    ],
    "api": [*NOBODY_BUT_AN_ADMIN, "patch pods", "delete leases.coordination.k8s.io"],
}


@pytest.mark.parametrize("part", list(REFUSED))
def test_a_part_may_do_nothing_that_it_does_not_need(stack: Stack, part: str) -> None:
    own = stack.kubectl_as(part)
    answers = {what: own.call("auth", "can-i", *what.split()).stdout.strip() for what in REFUSED[part]}

    assert answers == dict.fromkeys(REFUSED[part], "no")


def test_the_operator_cant_make_jobs_and_the_api_can(stack: Stack) -> None:
    refusal = stack.kubectl_as("operator").refused("create", "-f", "-", stdin=job_file("by-operator"))
    assert 'User "picshapes-operator" cannot create resource "generationjobs"' in refusal

    made = stack.kubectl_as("api")("create", "--dry-run=server", "-f", "-", stdin=job_file("by-api", owner="me"))
    assert made == "generationjob.picshapes.io/by-api created (server dry run)"


def write_status(stack: Stack, part: str, job: str, **status: object) -> str:
    """Try to patch a job's status (which kubectl would read first); return why it was refused, or nothing."""
    url = f"/apis/picshapes.io/v1alpha1/namespaces/picshapes/generationjobs/{job}/status?dryRun=All"
    with stack.api_server(part) as api:
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = api.patch(url, headers=headers, content=json.dumps({"status": status}))
    assert answer.status_code in (200, 403)
    return "" if answer.status_code == 200 else str(answer.json()["message"])


def test_the_api_cant_write_a_status(stack: Stack, held: tuple[str, str]) -> None:
    refusal = write_status(stack, "api", held[0], progress="1/2")

    assert 'User "picshapes-api" cannot patch resource "generationjobs/status"' in refusal


def test_a_worker_writes_the_status_of_the_jobs_that_it_holds_and_of_no_other(
    stack: Stack, held: tuple[str, str]
) -> None:
    job, holder = held

    assert write_status(stack, holder, job, progress="1/2") == ""
    refusal = write_status(stack, other(holder), job, progress="1/2")
    assert "a worker may change the status only of jobs that its own pod holds" in refusal


def test_a_worker_cant_claim_a_job_for_itself(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply("unclaimed", tier="pro")  # fits nowhere here
    claim = {"phase": "Claimed", "workerName": "worker-0", "workerID": "mine", "attempt": 1}
    refusal = write_status(stack, "worker-0", "unclaimed", **claim)

    assert "a worker may change the status only of jobs that its own pod holds" in refusal


def test_a_worker_labels_its_own_pod_with_picshapes_labels_and_no_more(stack: Stack) -> None:
    worker = stack.kubectl_as("worker-0")
    dry = "--dry-run=server"

    assert "labeled" in worker("label", "pod", "worker-0", dry, "--overwrite", "picshapes.io/vram-mib=15360")
    refusal = worker.refused("label", "pod", "worker-1", dry, "--overwrite", "picshapes.io/vram-mib=15360")
    assert "a worker may change only its own pod" in refusal
    refusal = worker.refused("label", "pod", "worker-0", dry, "app=mine")
    assert "a worker may change only labels of picshapes.io" in refusal
    refusal = worker.refused("label", "pod", "worker-0", dry, "app.kubernetes.io/component-")
    assert "a worker may change only labels of picshapes.io" in refusal
    refusal = worker.refused("annotate", "pod", "worker-0", dry, "picshapes.io/mine=true")
    assert "a worker may change only labels of its pod" in refusal


@pytest.mark.parametrize("lease", ["worker-1", "picshapes-operator"])
def test_a_worker_cant_touch_anothers_lease(stack: Stack, lease: str) -> None:
    worker = stack.kubectl_as("worker-0")
    renewal = merge(spec={"holderIdentity": "mine"})
    only_its_own = "a worker may write only the Lease of its own pod's name"

    assert "patched" in worker("patch", "lease", "worker-0", *renewal)
    assert only_its_own in worker.refused("patch", "lease", lease, *renewal)
    assert 'cannot delete resource "leases"' in worker.refused("delete", "lease", lease, "--dry-run=server")

"""The installed roles and policies outside the release's namespace: only jobs, and where `jobNamespaces` says."""

import json
import uuid
from collections.abc import Iterator

import pytest
from tests.integration.kubectl import Kubectl, job_file

from .conftest import Grant
from .powers import Powers, lease

TEAM = f"team-{uuid.uuid4().hex[:12]}"
STRANGER = f"stranger-{uuid.uuid4().hex[:12]}"
JOBS = "generationjobs.picshapes.io"
EVERYBODYS = ("authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io")
"""Groups in which every account may ask who it is, what it may do, and whom to trust."""


@pytest.fixture(scope="module")
def powers(grant: Grant) -> Iterator[Powers]:
    """What the chart gives its parts with one namespace on its list, and one that isn't; jobs in both."""
    with grant({"jobNamespaces": [TEAM], "worker.autoscaling.type": "keda"}) as powers:
        powers.admin("create", "namespace", STRANGER)
        for namespace in (TEAM, STRANGER):
            powers.hold_jobs(namespace)
        yield powers
        powers.admin("delete", "namespace", STRANGER, "--wait=false")


@pytest.fixture(scope="module")
def worker(powers: Powers) -> Kubectl:
    return powers.worker()


def allowed(own: Kubectl, namespace: str) -> dict[str, set[str]]:
    """Return all that an account may do in a namespace beyond what each one may: verbs by resource."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    asked = json.dumps({**review, "spec": {"namespace": namespace}})
    answer = json.loads(own("create", "--validate=false", "-f", "-", "-o", "json", stdin=asked))
    found: dict[str, set[str]] = {}
    for rule in answer["status"]["resourceRules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if group not in EVERYBODYS:
                    found.setdefault(f"{resource}.{group}".rstrip("."), set()).update(rule["verbs"])
    return found


@pytest.mark.parametrize(
    ("part", "rights"),
    [
        ("api", {JOBS: {"get", "list", "watch"}}),
        (
            "operator",
            {
                JOBS: {"get", "list", "watch", "delete"},
                "generationjobs/status.picshapes.io": {"patch", "write-any"},
                "events.events.k8s.io": {"create"},
            },
        ),
        ("worker-a", {JOBS: {"get", "list", "watch"}, "generationjobs/status.picshapes.io": {"patch"}}),
    ],
)
def test_a_part_may_do_this_with_jobs_of_a_listed_namespace_and_nothing_else_there_or_elsewhere(
    powers: Powers, part: str, rights: dict[str, set[str]]
) -> None:
    own = powers.of(part)
    assert allowed(own, TEAM) == rights
    assert allowed(own, STRANGER) == {}


def test_a_worker_writes_the_status_of_the_job_that_its_pod_holds_there_and_of_no_other(
    powers: Powers, worker: Kubectl
) -> None:
    status, message = powers.write_progress(worker, "held-by-b", TEAM)
    assert status == 403
    assert "a worker may change the status only of jobs that its own pod holds" in message
    assert powers.write_progress(worker, "held-by-a", TEAM) == (200, "")


def test_where_nobody_looks_after_jobs_a_worker_neither_reads_them_nor_writes_the_one_that_names_its_pod(
    powers: Powers, worker: Kubectl
) -> None:
    status, message = powers.write_progress(worker, "held-by-a", STRANGER)
    assert status == 403
    assert (
        f'cannot patch resource "generationjobs/status" in API group "picshapes.io" in the namespace "{STRANGER}"'
        in message
    )
    assert 'cannot list resource "generationjobs"' in worker.refused("get", "gj", "-n", STRANGER)


def test_a_worker_makes_no_lease_of_its_name_and_no_job_there(worker: Kubectl) -> None:
    made = {"leases": lease("worker-a"), "generationjobs": job_file("by-worker")}
    for resource, file in made.items():
        refusal = worker.refused("create", "-n", TEAM, "-f", "-", stdin=file)
        assert f'cannot create resource "{resource}"' in refusal

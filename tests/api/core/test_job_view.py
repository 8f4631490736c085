from datetime import UTC, datetime
from typing import Any

import pytest

from picshapes_api.core.job_resource import is_resource_of, job_resource
from picshapes_api.core.job_view import JobFacts, Outcome, facts_of, job_body, milliseconds_of, timestamp
from picshapes_crds.catalogue import Catalogue

CATALOGUE = Catalogue.load("demo")
ID = "8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"
UID = "00000000-0000-4000-8000-000000000007"
SPEC = {
    "prompt": "a circle",
    "negativePrompt": "blue",
    "model": "flux-schnell",
    "tier": "pro",
    "width": 1000,
    "height": 64,
    "steps": 4,
    "seed": 42,
    "outputFormat": "jpeg",
    "owner": "u",
}


def resource(status: dict[str, Any]) -> dict[str, Any]:
    made = job_resource(ID, SPEC, 1_700_000_000_123, cancelled=False)
    made["metadata"] |= {"uid": UID, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return made | {"status": status}


def test_a_pending_job_has_exactly_the_fields_that_are_always_there() -> None:
    body = job_body(facts_of(resource({"phase": "Pending", "attempt": 0}), CATALOGUE), "https://x")
    assert body == {
        "id": ID,
        "status": "pending",
        "prompt": "a circle",
        "negative_prompt": "blue",
        "model": "flux-schnell",
        "tier": "pro",
        "width": 1000,
        "height": 64,
        "steps": 4,
        "seed": 42,
        "created_at": "2023-11-14T22:13:20.123Z",
    }


def test_a_completed_job_says_where_the_picture_is_and_when_it_was_made() -> None:
    status = {
        "phase": "Completed",
        "attempt": 2,
        "startedAt": "2026-01-01T00:00:01.500Z",
        "completedAt": "2026-01-01T00:00:02Z",
        "result": {"key": "k", "sha256": "f" * 64, "bytes": 5, "contentType": "image/jpeg"},
        "resultURL": "file:///etc/passwd",
    }
    facts = facts_of(resource(status), CATALOGUE)
    body = job_body(facts, "https://x")
    assert (body["status"], body["result_url"]) == ("completed", f"https://x/results/{ID}.jpg")
    assert (body["started_at"], body["completed_at"]) == ("2026-01-01T00:00:01.500Z", "2026-01-01T00:00:02.000Z")
    assert facts.outcome == Outcome("completed", 2, 1767225601500, 1767225602000, "f" * 64, 5)


def test_a_failed_job_says_why_in_a_sentence_of_ours() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "WorkerLost",
        "message": "pod worker-3 on node-7 is gone",
    }
    status = {"phase": "Failed", "attempt": 3, "completedAt": "2026-01-01T00:00:02Z", "conditions": [failed]}
    body = job_body(facts_of(resource(status), CATALOGUE), "https://x")
    assert body["error_msg"] == "The workers that ran the job were lost too often."
    assert "result_url" not in body


@pytest.mark.parametrize(("phase", "shown"), [("Pending", False), ("Claimed", False), ("Processing", True)])
def test_started_at_is_absent_until_the_current_attempt_runs(phase: str, shown: bool) -> None:  # noqa: FBT001 - a table's column
    facts = facts_of(resource({"phase": phase, "startedAt": "2026-01-01T00:00:01Z"}), CATALOGUE)
    assert ("started_at" in job_body(facts, "")) is shown


def test_what_a_kubectl_user_left_open_is_filled_in() -> None:
    bare = {
        "metadata": {"name": "mine", "uid": UID, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"prompt": "a", "model": "flux-schnell", "tier": "premium"},
    }
    body = job_body(facts_of(bare, CATALOGUE), "")
    assert body == {
        "id": UID,
        "status": "pending",
        "prompt": "a",
        "model": "flux-schnell",
        "tier": "premium",
        "width": 1536,
        "height": 1536,
        "steps": 4,
        "seed": int(UID.replace("-", ""), 16) % 2**53,
        "created_at": "2026-01-01T00:00:00.000Z",
    }


def test_a_forged_accepted_at_without_the_label_is_not_believed() -> None:
    forged = resource({"phase": "Pending"})
    forged["metadata"]["labels"] = {}
    assert facts_of(forged, CATALOGUE) == JobFacts(UID, SPEC, 1767225600000, Outcome("pending"))


def test_a_resource_is_recognised_as_this_jobs_only_with_its_owner_label_and_time() -> None:
    made = job_resource(ID, SPEC, 5, cancelled=False)
    assert is_resource_of(made, ID, SPEC, 5)
    assert not is_resource_of(made, ID, SPEC, 6)
    assert not is_resource_of(made, ID, SPEC | {"owner": "other"}, 5)
    assert not is_resource_of(made | {"metadata": {"name": ID}}, ID, SPEC, 5)


def test_a_job_cancelled_before_it_was_created_says_so_at_once() -> None:
    assert job_resource(ID, SPEC, 5, cancelled=True)["spec"] == SPEC | {"cancelRequested": True}


def test_times_keep_their_milliseconds_exactly() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 1000, tzinfo=UTC)
    assert milliseconds_of(moment) == 1769860800001
    assert timestamp(1769860800001) == "2026-01-31T12:00:00.001Z"

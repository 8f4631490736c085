"""What the explanation of a job says, and what it keeps to itself."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from picshapes_api.core.explanation import Known, explanation_body
from picshapes_api.core.job_view import JobFacts, Outcome
from picshapes_crds.phases import Reason
from picshapes_crds.resolve import Refusal
from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.explain import explain

DEMAND = Demand("z-image-turbo", "rev1", "real", 20_480)
SMALL = Worker("w", "1", 15_360, "real", {"z-image-turbo": "rev1"}, frozenset(), 0, accepting=True)


NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
WAITS = explain(DEMAND, 2, 5, [SMALL])
WHY = "needs 20.0 GiB and z-image-turbo; 1 worker has the model, the largest has 15.0 GiB"
REFUSED = Refusal(Reason.UNKNOWN_MODEL, "unknown model x; known: y")


def job(status: str, **outcome: Any) -> JobFacts:
    return JobFacts("j", {"prompt": "a red circle"}, 0, Outcome(status, **outcome))


def resource(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"spec": {"prompt": "a red circle"} | (spec or {}), "status": status}


def scheduled(reason: str, message: str, status: str = "False") -> dict[str, Any]:
    condition = {"type": "Scheduled", "status": status, "reason": reason, "message": message}
    return condition | {"lastTransitionTime": "2026-01-01T12:00:00.000Z"}


def test_a_waiting_job_tells_why_its_position_and_what_workers_lack() -> None:
    assert explanation_body(job("pending"), Known(resource(phase="Pending", attempt=0), WAITS, NOW)) == {
        "id": "j",
        "status": "pending",
        "reason": "NoWorkerFits",
        "message": f"{WHY}; the operator has not said more yet",
        "attempt": 0,
        "failures": 0,
        "needs": {"model": "z-image-turbo", "min_vram_mib": 20480},
        "queue": {"position": 2, "length": 5, "estimate": True},
        "workers": {
            "total": 1,
            "could_run": 0,
            "others": [
                {"reason": "TooLittleMemory", "message": "has the model, but too little memory", "count": 1}
            ],
        },
    }


def test_workers_that_do_not_watch_the_jobs_namespace_yet_are_told_as_such() -> None:
    wait = explain(replace(DEMAND, namespace="team"), 1, 1, [replace(SMALL, vram_mib=24_564)])
    body = explanation_body(job("pending"), Known(resource(phase="Pending", attempt=0), wait, NOW))
    told = "needs 20.0 GiB and z-image-turbo; 1 worker could run it, but none watches the namespace team yet"
    assert (body["reason"], body["message"].partition("; the operator")[0]) == ("WaitingForWorkers", told)
    message = "has the model and the memory, but does not watch the job's namespace"
    assert body["workers"] == {
        "total": 1,
        "could_run": 0,
        "others": [{"reason": "NamespaceNotWatched", "message": message, "count": 1}],
    }


@pytest.mark.parametrize("wait", [WAITS, REFUSED, None])
@pytest.mark.parametrize("reason", ["WaitingForWorkers", "NoWorkerFits", "Rebalanced", "UnknownModel"])
def test_what_the_operator_said_of_a_waiting_job_is_told_with_its_age(reason: str, wait: Any) -> None:
    message = "needs 0.6 GiB and z-image-turbo; 1 worker could run it, 1 is on a cordoned node"
    known = Known(resource(conditions=[scheduled(reason, message)]), wait, NOW)
    body = explanation_body(job("pending"), known)
    assert (body["reason"], body["message"]) == (reason, message)
    assert body["condition"] == {
        "reason": reason,
        "message": message,
        "since": "2026-01-01T12:00:00.000Z",
        "age_s": 30,
    }


@pytest.mark.parametrize(
    ("wait", "message"),
    [
        (WAITS, "a worker that held it was lost: it is tried again"),
        (
            datetime(2026, 1, 1, 12, 0, 40, tzinfo=UTC),
            "a worker that held it was lost: it is tried again after 2026-01-01T12:00:40.000Z",
        ),
    ],
)
def test_what_the_operator_said_of_a_lost_worker_is_told_without_the_names_of_pods(
    wait: Any, message: str
) -> None:
    lost = scheduled("WorkerLost", "worker w-7 was lost: its pod is gone")
    known = Known(resource(attempt=1, failures=1, conditions=[lost]), wait, NOW)
    body = explanation_body(job("pending"), known)
    assert (body["reason"], body["message"]) == ("WorkerLost", message)
    assert body["condition"] == {"reason": "WorkerLost", "since": "2026-01-01T12:00:00.000Z", "age_s": 30}
    assert (body["attempt"], body["failures"]) == (1, 1)


def test_what_was_said_of_an_earlier_claim_is_nothing_about_the_wait() -> None:
    handed_back = resource(attempt=1, conditions=[scheduled("Claimed", "claimed by w-7", "True")])
    body = explanation_body(job("pending"), Known(handed_back, WAITS, NOW))
    assert body["message"] == f"{WHY}; the operator has not said more yet"
    assert "condition" not in body


def test_a_clock_that_is_ahead_makes_nothing_come_from_the_future() -> None:
    known = Known(resource(conditions=[scheduled("NoWorkerFits", WHY)]), WAITS, NOW.replace(hour=11))
    assert explanation_body(job("pending"), known)["condition"]["age_s"] == 0


@pytest.mark.parametrize(
    ("facts", "known", "reason", "message"),
    [
        (job("pending"), Known(None, None, NOW), "NotPlaced", "accepted, and not in the cluster yet"),
        (
            job("pending"),
            Known(resource({"cancelRequested": True}), None, NOW),
            "Cancelling",
            "its end was asked for",
        ),
        (
            job("pending"),
            Known(resource(), REFUSED, NOW),
            "UnknownModel",
            "unknown model x; known: y; the operator",
        ),
        (job("pending"), Known(resource(), None, NOW), "NotSeen", "it has just begun to wait: ask again"),
        (job("claimed"), Known(resource(workerName="w"), None, NOW), "Claimed", "a worker has taken it"),
        (job("processing"), Known(resource(progress="3/8"), None, NOW), "Processing", "3/8 steps are done"),
        (job("completed"), Known(resource(), None, NOW), "Succeeded", "The picture is stored."),
        (job("failed", failure="WorkerLost"), Known(None, None, NOW), "WorkerLost", "lost too often"),
    ],
)
def test_every_state_has_a_reason_and_a_sentence(facts: JobFacts, known: Known, reason: str, message: str) -> None:
    body = explanation_body(facts, known)
    assert body["reason"] == reason
    assert message in body["message"]

"""What the explanation of a job says, and what it keeps to itself."""

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


def job(status: str, **outcome: Any) -> JobFacts:
    return JobFacts("j", {"prompt": "a red circle"}, 0, Outcome(status, **outcome))


def resource(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"spec": {"prompt": "a red circle"} | (spec or {}), "status": status}


def test_a_waiting_job_tells_why_its_position_and_what_workers_lack() -> None:
    wait = explain(DEMAND, 2, 5, [SMALL])
    assert explanation_body(job("pending"), Known(resource(phase="Pending", attempt=0), wait)) == {
        "id": "j",
        "status": "pending",
        "reason": "NoWorkerFits",
        "message": "needs 20.0 GiB and z-image-turbo; 1 worker has the model, the largest has 15.0 GiB",
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


def test_what_the_operator_wrote_is_shown_without_the_names_of_pods() -> None:
    lost = {"type": "Scheduled", "status": "False", "lastTransitionTime": "2026-01-01T12:00:00Z"}
    message = "worker w-7 was lost: its pod is gone"
    known = resource(attempt=1, failures=1, conditions=[lost | {"reason": "WorkerLost", "message": message}])
    body = explanation_body(job("pending"), Known(known, None))
    assert body["condition"] == {"reason": "WorkerLost", "since": "2026-01-01T12:00:00Z"}
    assert (body["attempt"], body["failures"]) == (1, 1)
    busy = resource(conditions=[lost | {"reason": "WaitingForWorkers", "message": "all are busy"}])
    assert explanation_body(job("pending"), Known(busy, None))["condition"]["message"] == "all are busy"


@pytest.mark.parametrize(
    ("facts", "known", "reason", "message"),
    [
        (job("pending"), Known(None, None), "NotPlaced", "accepted, and not in the cluster yet"),
        (job("pending"), Known(resource({"cancelRequested": True}), None), "Cancelling", "its end was asked for"),
        (
            job("pending"),
            Known(resource(), Refusal(Reason.UNKNOWN_MODEL, "unknown model x; known: y")),
            "UnknownModel",
            "unknown model x; known: y",
        ),
        (
            job("pending"),
            Known(resource(), datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)),
            "WorkerLost",
            "it is tried again after 2026-01-01T12:00:10.000Z",
        ),
        (job("claimed"), Known(resource(workerName="w"), None), "Claimed", "a worker has taken it"),
        (job("processing"), Known(resource(progress="3/8"), None), "Processing", "3/8 steps are done"),
        (job("completed"), Known(resource(), None), "Succeeded", "The picture is stored."),
        (job("failed", failure="WorkerLost"), Known(None, None), "WorkerLost", "lost too often"),
    ],
)
def test_every_state_has_a_reason_and_a_sentence(facts: JobFacts, known: Known, reason: str, message: str) -> None:
    body = explanation_body(facts, known)
    assert body["reason"] == reason
    assert message in body["message"]

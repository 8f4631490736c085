"""How often a waiting job's reason is written."""

from datetime import UTC, datetime
from typing import Any

from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob
from picshapes_operator.explanations import Explanations
from picshapes_operator.snapshot import Unschedulable

BUSY = Unschedulable("a", Reason.WAITING_FOR_WORKERS, "all are busy")
NONE = Unschedulable("a", Reason.NO_WORKER_FITS, "there are no workers")


def jobs(*uids: str, known: Unschedulable | None = None) -> dict[str, GenerationJob]:
    conditions: list[dict[str, Any]] = []
    if known:
        conditions.append(
            {
                "type": "Scheduled",
                "status": "False",
                "reason": known.reason.value,
                "message": known.message,
                "lastTransitionTime": "2026-01-01T12:00:00Z",
            }
        )
    created = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
    return {
        uid: GenerationJob.parse(
            {
                "metadata": {
                    "name": uid,
                    "namespace": "n",
                    "uid": uid,
                    "resourceVersion": "1",
                    "creationTimestamp": created,
                },
                "spec": {"prompt": "x"},
                "status": {"phase": "Pending", "attempt": 0, "conditions": conditions},
            }
        )
        for uid in uids
    }


def test_a_reason_is_written_once_it_has_held_for_two_seconds() -> None:
    explanations = Explanations()
    assert explanations.due([BUSY], jobs("a"), 10.0) == []
    assert explanations.due([BUSY], jobs("a"), 11.9) == []
    assert explanations.due([BUSY], jobs("a"), 12.0) == [BUSY]


def test_a_reason_that_changes_starts_again() -> None:
    explanations = Explanations()
    explanations.due([BUSY], jobs("a"), 10.0)
    assert explanations.due([NONE], jobs("a"), 12.0) == []
    assert explanations.due([NONE], jobs("a"), 14.0) == [NONE]


def test_what_the_job_already_says_is_not_written_again() -> None:
    explanations = Explanations()
    explanations.due([BUSY], jobs("a", known=BUSY), 10.0)
    assert explanations.due([BUSY], jobs("a", known=BUSY), 100.0) == []


def test_a_new_sentence_for_the_same_reason_is_written_at_most_once_a_minute() -> None:
    explanations = Explanations()
    other = Unschedulable("a", BUSY.reason, "2 workers are busy")
    assert explanations.due([other], jobs("a", known=BUSY), 10.0) == [other]
    assert explanations.due([BUSY], jobs("a", known=other), 69.0) == []
    assert explanations.due([BUSY], jobs("a", known=other), 70.0) == [BUSY]


def test_at_most_twenty_a_second_are_written() -> None:
    explanations = Explanations()
    many = [Unschedulable(f"j{n}", Reason.NO_WORKER_FITS, "there are no workers") for n in range(100)]
    known = jobs(*(one.job for one in many))
    explanations.due(many, known, 10.0)
    assert len(explanations.due(many, known, 12.0)) == 20
    assert len(explanations.due(many, known, 12.5)) == 10

"""What becomes of jobs whose holder is lost, whose time is over, or which were cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob
from picshapes_operator.expire import expires_at
from picshapes_operator.recover import Fail, Holder, Requeue, recover

CREATED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SOON = CREATED + timedelta(seconds=10)


def job(status: dict[str, Any], **spec: object) -> GenerationJob:
    return GenerationJob.parse(
        {
            "metadata": {
                "name": "a",
                "namespace": "n",
                "uid": "u",
                "resourceVersion": "5",
                "creationTimestamp": "2026-01-01T12:00:00Z",
            },
            "spec": {"prompt": "a red circle", **spec},
            "status": status,
        }
    )


CLAIMED = {"phase": "Claimed", "attempt": 1, "workerName": "w", "workerID": "i"}
RUNNING = CLAIMED | {"phase": "Processing"}


@pytest.mark.parametrize("holder", [Holder.LIVE, Holder.UNKNOWN])
def test_a_held_job_is_left_alone_while_its_holder_is_not_known_to_be_lost(holder: Holder) -> None:
    assert recover(job(RUNNING), holder, SOON, first=True) is None


@pytest.mark.parametrize("holder", [Holder.POD_GONE, Holder.POD_ENDED, Holder.REPLACED, Holder.SILENT])
def test_a_started_job_of_a_lost_worker_is_requeued_and_counts_as_failed(holder: Holder) -> None:
    expected = Requeue(Reason.WORKER_LOST, f"worker w was lost: {holder.value}", failed=True, first=True)
    assert recover(job(RUNNING), holder, SOON, first=True) == expected


def test_a_claimed_job_of_a_lost_worker_is_requeued_and_does_not_count() -> None:
    found = recover(job(CLAIMED), Holder.POD_GONE, SOON, first=False)
    assert found == Requeue(Reason.WORKER_LOST, "worker w was lost: its pod is gone", failed=False, first=False)


def test_a_claimed_job_that_was_its_workers_first_may_be_what_the_worker_died_of() -> None:
    found = recover(job(CLAIMED), Holder.POD_ENDED, SOON, first=True)
    assert found == Requeue(Reason.WORKER_LOST, "worker w was lost: its pod has ended", failed=False, first=True)


@pytest.mark.parametrize(("lost", "rest"), [(1, "10"), (2, "20"), (3, "40"), (4, "80")])
def test_a_job_that_loses_worker_after_worker_is_tried_again_ever_later(lost: int, rest: str) -> None:
    found = recover(job(CLAIMED | {"workersLost": lost}), Holder.POD_ENDED, SOON, first=True)
    assert isinstance(found, Requeue)
    assert found.message == f"worker w was lost: its pod has ended; tried again in {rest} s"


def test_jobs_that_waited_behind_another_on_a_lost_worker_are_never_given_up() -> None:
    found = recover(job(CLAIMED | {"attempt": 99, "workersLost": 0}), Holder.POD_ENDED, SOON, first=False)
    assert isinstance(found, Requeue)


def test_a_job_fails_once_all_attempts_were_lost() -> None:
    found = recover(job(RUNNING | {"failures": 2}), Holder.POD_GONE, SOON, first=True)
    assert found == Fail(Reason.WORKER_LOST, "worker w was lost: its pod is gone; 3 of 3 attempts were lost")


def test_a_job_that_loses_worker_after_worker_before_it_starts_is_stopped() -> None:
    found = recover(job(CLAIMED | {"attempt": 12, "workersLost": 5}), Holder.POD_ENDED, SOON, first=True)
    assert found == Fail(
        Reason.WORKER_LOST, "worker w was lost: its pod has ended; 6 workers were lost that held the job"
    )


def test_a_pending_job_fails_at_its_deadline_and_not_before() -> None:
    pending = job({"phase": "Pending", "attempt": 0}, deadlineSeconds=60)
    assert recover(pending, Holder.UNKNOWN, CREATED + timedelta(seconds=59), first=False) is None
    assert recover(pending, Holder.UNKNOWN, CREATED + timedelta(seconds=60), first=False) == Fail(
        Reason.DEADLINE_EXCEEDED, "not finished within 60 s of its creation"
    )


def test_a_held_job_is_left_to_its_worker_for_a_minute_past_the_deadline() -> None:
    running = job(RUNNING, deadlineSeconds=60)
    assert recover(running, Holder.LIVE, CREATED + timedelta(seconds=119), first=True) is None
    found = recover(running, Holder.LIVE, CREATED + timedelta(seconds=120), first=True)
    assert isinstance(found, Fail)
    assert found.reason is Reason.DEADLINE_EXCEEDED


def test_a_cancelled_pending_job_fails_at_once() -> None:
    pending = job({"phase": "Pending", "attempt": 0}, cancelRequested=True)
    assert recover(pending, Holder.UNKNOWN, SOON, first=True) == Fail(
        Reason.CANCELLED, "cancelled before a worker began"
    )


def test_a_cancelled_job_of_a_lost_worker_is_not_tried_again() -> None:
    found = recover(job(RUNNING, cancelRequested=True), Holder.SILENT, SOON, first=True)
    assert isinstance(found, Fail)
    assert found.reason is Reason.CANCELLED


def test_only_a_finished_job_with_a_time_to_live_expires() -> None:
    ended = {"phase": "Completed", "attempt": 1, "completedAt": "2026-01-01T12:00:30Z"}
    assert expires_at(job(ended)) is None
    assert expires_at(job(RUNNING, ttlSecondsAfterFinished=60)) is None
    assert expires_at(job(ended, ttlSecondsAfterFinished=60)) == CREATED + timedelta(seconds=90)

"""Which job a worker runs next and which it stops, by what its watch shows."""

from datetime import timedelta
from typing import Any

from tests.worker.memory import START, WORKER_ID, job

from picshapes_crds.cluster import Changed, Deleted, Heard, Listed
from picshapes_crds.patches import Fence
from picshapes_worker.assignment import Assignment, Stop
from picshapes_worker.job_name import JobName


def waiting(assignment: Assignment) -> list[str]:
    return [claim.job.metadata.name for claim in assignment.waiting()]


def fence(obj: dict[str, Any]) -> Fence:
    return Fence(obj["metadata"]["uid"], WORKER_ID, obj["status"]["attempt"])


def listed(*objects: dict[str, Any]) -> Assignment:
    assignment = Assignment(WORKER_ID)
    assert assignment.observe(Listed(list(objects))) == []
    return assignment


def test_claims_run_in_the_order_in_which_they_were_made() -> None:
    late = job("a", claimedAt="2026-01-01T12:00:09Z")
    early = job("b", claimedAt="2026-01-01T12:00:02Z")

    assert waiting(listed(late, early)) == ["b", "a"]


def test_claims_made_in_the_same_moment_run_in_the_order_of_their_uids() -> None:
    assert waiting(listed(job("b"), job("a"))) == ["a", "b"]


def test_a_claim_of_an_earlier_process_of_the_same_pod_is_not_run() -> None:
    assert waiting(listed(job("a", workerID="process-0"))) == []


def test_a_job_that_ended_is_not_run() -> None:
    assert waiting(listed(job("a", phase="Completed"), job("b", phase="Failed"), job("c", phase="Pending"))) == []


def test_a_claim_is_offered_once() -> None:
    assignment = listed(job("a"))
    assignment.take(assignment.waiting()[0])
    assignment.observe(Changed(job("a", phase="Processing")))

    assert waiting(assignment) == []


def test_a_later_attempt_at_the_same_job_is_offered_again() -> None:
    assignment = listed(job("a", attempt=1))
    assignment.take(assignment.waiting()[0])
    assignment.observe(Changed(job("a", attempt=2)))

    assert waiting(assignment) == ["a"]


def test_a_job_of_the_same_name_but_another_uid_is_another_job() -> None:
    assignment = listed(job("a"))
    assignment.take(assignment.waiting()[0])
    namesake = job("a")
    namesake["metadata"]["uid"] = "another"
    assignment.observe(Deleted(job("a")))
    assignment.observe(Changed(namesake))

    assert [claim.uid for claim in assignment.waiting()] == ["another"]


def test_a_running_job_goes_on_while_it_is_ours() -> None:
    assignment = listed(job("a"))
    assignment.observe(Changed(job("a", phase="Processing", progress="1/4")))
    assignment.observe(Heard())

    assert assignment.stop(fence(job("a")), START) is None


def test_a_job_stops_when_cancellation_is_requested() -> None:
    assignment = listed(job("a", spec={"cancelRequested": True}))

    assert assignment.stop(fence(job("a")), START) is Stop.CANCELLED


def test_a_job_stops_at_its_deadline_counted_from_its_creation() -> None:
    assignment = listed(job("a", spec={"deadlineSeconds": 30}))

    assert assignment.stop(fence(job("a")), START + timedelta(seconds=29)) is None
    assert assignment.stop(fence(job("a")), START + timedelta(seconds=30)) is Stop.DEADLINE


def test_a_job_without_a_deadline_stops_an_hour_after_its_creation() -> None:
    assignment = listed(job("a"))

    assert assignment.stop(fence(job("a")), START + timedelta(seconds=3599)) is None
    assert assignment.stop(fence(job("a")), START + timedelta(seconds=3600)) is Stop.DEADLINE


def test_a_job_is_lost_when_it_is_deleted() -> None:
    assignment = listed(job("a"))
    assignment.observe(Deleted(job("a")))

    assert assignment.stop(fence(job("a")), START) is Stop.LOST


def test_a_job_is_lost_when_the_next_list_lacks_it() -> None:
    assignment = listed(job("a"), job("b"))
    assignment.observe(Listed([job("b")]))

    assert assignment.stop(fence(job("a")), START) is Stop.LOST
    assert waiting(assignment) == ["b"]


def test_a_job_is_lost_when_another_process_holds_it() -> None:
    assignment = listed(job("a"))
    assignment.observe(Changed(job("a", attempt=2, workerID="process-2")))

    assert assignment.stop(fence(job("a")), START) is Stop.LOST


def test_a_job_is_lost_when_it_went_back_to_pending() -> None:
    assignment = listed(job("a"))
    assignment.observe(Changed(job("a", phase="Pending", workerID=None, workerName=None)))

    assert assignment.stop(fence(job("a")), START) is Stop.LOST


def test_the_deletion_of_a_job_that_was_never_seen_changes_nothing() -> None:
    assignment = listed(job("a"))
    assignment.observe(Deleted(job("b")))

    assert waiting(assignment) == ["a"]


def test_a_claim_that_cannot_be_read_is_reported_with_its_fence() -> None:
    assignment = Assignment(WORKER_ID)
    (bad,) = assignment.observe(Changed(job("a", spec={"outputFormat": "avif"})))

    assert bad.job_name == JobName("n", "a")
    assert bad.fence == fence(job("a"))
    assert "outputFormat" in bad.fault
    assert waiting(assignment) == []


def test_a_job_of_another_process_that_cannot_be_read_is_none_of_ours() -> None:
    other = job("a", spec={"outputFormat": "avif"}, workerID="process-2")

    assert Assignment(WORKER_ID).observe(Changed(other)) == []


def test_nothing_is_remembered_of_jobs_that_are_gone() -> None:
    assignment = listed(job("a"))
    assignment.take(assignment.waiting()[0])
    assignment.observe(Deleted(job("a")))

    assert assignment._claims == {}
    assert assignment._taken == set()


def test_namesakes_of_two_namespaces_are_two_jobs() -> None:
    assignment = listed(job("a", claimedAt="2026-01-01T12:00:02Z"))
    assignment.observe(Listed([job("a", namespace="m", claimedAt="2026-01-01T12:00:01Z")]), "m")

    assert [str(claim.job_name) for claim in assignment.waiting()] == ["m/a", "n/a"]
    assignment.observe(Deleted(job("a")), "n")
    assert [str(claim.job_name) for claim in assignment.waiting()] == ["m/a"]


def test_what_the_list_of_one_namespace_lacks_is_lost_there_only() -> None:
    mine, theirs = job("a"), job("a", namespace="m")
    assignment = listed(mine, theirs)
    assignment.observe(Listed([]), "m")

    assert assignment.stop(fence(mine), START) is None
    assert assignment.stop(fence(theirs), START) is Stop.LOST


def test_a_list_of_all_namespaces_is_heeded_in_all() -> None:
    mine, theirs = job("a"), job("a", namespace="m")
    assignment = listed(mine, theirs)
    assignment.observe(Listed([]))

    assert waiting(assignment) == []

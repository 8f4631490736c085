"""What the operator remembers, and what it forgets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.phases import Reason
from picshapes_crds.resolve import Refusal
from picshapes_crds.scheduling.turns import Ticket
from picshapes_operator.state import ClusterState

NOW = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)


def job(uid: str, version: int, status: dict[str, Any] | None = None, **spec: object) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"name-{uid}",
            "namespace": "n",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T12:00:00Z",
        },
        "spec": {"prompt": "a red circle", "model": "flux-schnell", "tier": "basic", **spec},
        "status": status or {"phase": "Pending", "attempt": 0},
    }


RESOLVED = {
    "model": "flux-schnell",
    "tier": "basic",
    "width": 1024,
    "height": 1024,
    "steps": 4,
    "minVramMiB": 589,
}
CLAIMED = {"phase": "Claimed", "attempt": 1, "workerName": "w", "workerID": "id1"}


class FixedClock:
    """A clock that stands where the test puts it."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def state() -> ClusterState:
    return ClusterState(Catalogue.load("demo"), FixedClock())


def waiting(seen: ClusterState) -> list[str]:
    lines = [line for queue in seen.snapshot(10, []).queues for line in queue.lines]
    return [head.job for line in lines for head in line.heads]


def test_waiting_jobs_are_ordered_by_priority_then_age() -> None:
    seen = state()
    seen.observe_job(job("young", 3))
    seen.observe_job(job("urgent", 4, priority=5))
    old = job("old", 5)
    old["metadata"]["creationTimestamp"] = "2026-01-01T11:00:00Z"
    seen.observe_job(old)
    assert waiting(seen) == ["urgent", "old", "young"]


def test_the_owner_who_has_used_less_stands_first() -> None:
    seen = state()
    for uid, owner in (("a", "heavy"), ("b", "light")):
        seen.observe_job(job(uid, 1, owner=owner))
    ended = {
        "phase": "Completed",
        "attempt": 1,
        "completedAt": "2026-01-01T12:00:01Z",
        "resolved": RESOLVED,
        "timings": {"inferenceS": 30, "encodeS": 0, "uploadS": 0},
    }
    seen.observe_job(job("c", 2, ended, owner="heavy"))
    assert waiting(seen) == ["b", "a"]
    assert round(seen.accounting.usage.seconds("heavy", NOW.timestamp())) == 30


def test_a_claim_is_charged_once_and_its_estimate_gives_way_to_what_was_measured() -> None:
    seen = state()
    seen.observe_job(job("a", 1, owner="alice"))
    seen.claiming("a", "id1")
    estimate = seen.accounting.usage.seconds("alice", NOW.timestamp())
    assert estimate > 0
    seen.observe_job(job("a", 2, CLAIMED | {"resolved": RESOLVED}, owner="alice"))
    seen.claim_ended("a")
    assert seen.accounting.usage.seconds("alice", NOW.timestamp()) == pytest.approx(estimate)
    ended = {
        "phase": "Completed",
        "attempt": 1,
        "completedAt": "2026-01-01T12:00:05Z",
        "resolved": RESOLVED,
        "timings": {"inferenceS": 7, "encodeS": 0, "uploadS": 0},
    }
    for version in (3, 4):
        seen.observe_job(job("a", version, ended, owner="alice"))
    assert seen.accounting.usage.seconds("alice", NOW.timestamp()) == pytest.approx(7)


def test_a_refused_claim_costs_its_owner_nothing() -> None:
    seen = state()
    seen.observe_job(job("a", 1, owner="alice"))
    seen.claiming("a", "id1")
    seen.claim_ended("a")
    assert seen.accounting.usage.seconds("alice", NOW.timestamp()) == 0


def test_a_job_that_has_waited_ten_minutes_is_passed_by_no_priority() -> None:
    seen = state()
    seen.observe_job(job("patient", 1, priority=-5))
    seen.observe_job(job("urgent", 2, priority=900))
    assert waiting(seen) == ["urgent", "patient"]
    seen.waiting.age(NOW + timedelta(minutes=9))
    assert waiting(seen) == ["urgent", "patient"]
    seen.waiting.age(NOW + timedelta(minutes=10))
    assert waiting(seen) == ["patient", "urgent"]


def test_claims_that_wait_behind_others_are_found_with_their_position() -> None:
    seen = state()
    for uid, second in (("first", 1), ("second", 2), ("third", 3)):
        held = CLAIMED | {"resolved": RESOLVED, "claimedAt": f"2026-01-01T12:00:0{second}Z"}
        seen.observe_job(job(uid, second, held))
    found = [(claim.job, claim.position) for claim in seen.waiting_claims()]
    assert found == [("second", 1), ("third", 2)]


def test_an_older_version_of_a_job_is_ignored() -> None:
    seen = state()
    seen.observe_job(job("a", 9, CLAIMED))
    seen.observe_job(job("a", 5))
    assert waiting(seen) == []
    assert [one.metadata.uid for one in seen.held.all()] == ["a"]


def test_a_claim_in_flight_takes_the_job_and_the_place_until_it_is_answered() -> None:
    seen = state()
    seen.observe_job(job("a", 1))
    seen.claiming("a", "id1")
    assert waiting(seen) == []
    seen.claim_ended("a")
    assert waiting(seen) == ["a"]


def test_a_claim_seen_before_its_answer_is_counted_once() -> None:
    seen = state()
    seen.observe_job(job("a", 1))
    seen.claiming("a", "id1")
    seen.observe_job(job("a", 2, CLAIMED))
    seen.claim_ended("a")
    assert waiting(seen) == []
    assert len(seen.held.all()) == 1


def test_a_listing_drops_jobs_that_it_does_not_show_but_not_newer_ones() -> None:
    seen = state()
    seen.observe_job(job("gone", 5))
    seen.observe_job(job("newer", 8))
    seen.keep_jobs(set(), {"n": 6})
    assert list(seen.jobs) == ["newer"]


def elsewhere(uid: str, version: int) -> dict[str, Any]:
    """Return a job of another namespace."""
    made = job(uid, version)
    return made | {"metadata": made["metadata"] | {"namespace": "team"}}


def test_a_listing_of_one_namespace_drops_no_job_of_another() -> None:
    seen = state()
    seen.observe_job(job("here", 5))
    seen.observe_job(elsewhere("there", 5))
    seen.observe_job(elsewhere("unreadable there", 5) | {"spec": {"prompt": 7}})
    seen.keep_jobs(set(), {"n": 6})
    assert list(seen.jobs) == ["there"]
    assert not seen.is_behind({"uid": "unreadable there", "resourceVersion": "5"})
    seen.keep_jobs(set(), {"n": 6, "team": 6})
    assert not seen.jobs
    assert seen.is_behind({"uid": "unreadable there", "resourceVersion": "5"})


def test_the_jobs_of_a_namespace_that_can_not_be_read_any_more_are_neither_waiting_nor_held() -> None:
    seen = state()
    seen.observe_job(job("here", 1))
    seen.observe_job(elsewhere("waits", 2))
    seen.observe_job(elsewhere("held", 3) | {"status": CLAIMED})
    seen.forget_namespace("team")
    assert waiting(seen) == ["here"]
    assert seen.held.all() == []


def test_an_unknown_model_is_refused_with_the_known_ones_and_waits() -> None:
    seen = state()
    seen.observe_job(job("a", 1, model="dall-e"))
    assert waiting(seen) == []
    message = "unknown model dall-e; known: flux-schnell, z-image-turbo"
    assert seen.waiting.refusal("a") == Refusal(Reason.UNKNOWN_MODEL, message)


def test_a_size_over_the_tier_is_refused_with_the_limit() -> None:
    seen = state()
    seen.observe_job(job("a", 1, width=1100))
    message = "width 1100 px exceeds the basic tier's 1024 px for flux-schnell"
    assert seen.waiting.refusal("a") == Refusal(Reason.INVALID_SPEC, message)


def test_deadlines_come_due_once_and_only_for_live_jobs() -> None:
    seen = state()
    seen.observe_job(job("late", 1, deadlineSeconds=5))
    seen.observe_job(job("patient", 2))
    seen.observe_job(job("done", 3, {"phase": "Failed", "attempt": 1}, deadlineSeconds=5))
    assert seen.deadlines.overdue(NOW) == ["late"]
    assert seen.deadlines.overdue(NOW) == []
    seen.deadlines.again(seen.jobs["late"], NOW)
    assert seen.deadlines.overdue(NOW) == ["late"]


def test_finished_jobs_expire_but_not_those_that_the_api_archives() -> None:
    seen = state()
    ended = {"phase": "Completed", "attempt": 1, "completedAt": "2026-01-01T12:00:01Z"}
    seen.observe_job(job("mine", 1, ended, ttlSecondsAfterFinished=3))
    archived = job("archived", 2, ended, ttlSecondsAfterFinished=3)
    archived["metadata"]["labels"] = {"picshapes.io/archive": "required"}
    seen.observe_job(archived)
    assert seen.deadlines.expired(NOW - timedelta(seconds=2)) == []
    assert seen.deadlines.expired(NOW) == ["mine"]


def test_a_cancelled_waiting_job_is_urgent_and_no_longer_queued() -> None:
    seen = state()
    seen.observe_job(job("a", 1))
    seen.observe_job(job("a", 2, cancelRequested=True))
    assert waiting(seen) == []
    assert seen.urgent == {"a"}


def test_a_forgotten_job_leaves_nothing_behind() -> None:
    seen = state()
    seen.observe_job(job("a", 1, CLAIMED))
    seen.forget_job("a")
    assert seen.held.all() == []
    assert seen.deadlines.overdue(NOW + timedelta(days=1)) == []


def ticket_of(seen: ClusterState, uid: str) -> Ticket:
    ticket = seen.waiting.queues.ticket(uid)
    assert ticket is not None
    return ticket


def test_jobs_accepted_within_one_second_are_ordered_by_when_the_api_accepted_them() -> None:
    seen = state()
    for uid, second in (("z", "00.100"), ("a", "00.900"), ("m", "00.500")):
        accepted = job(uid, 1)
        accepted["metadata"]["labels"] = {"picshapes.io/origin": "api"}
        accepted["metadata"]["annotations"] = {"picshapes.io/accepted-at": f"2026-01-01T12:00:{second}Z"}
        seen.observe_job(accepted)
    forged = job("0", 1)
    forged["metadata"]["annotations"] = {"picshapes.io/accepted-at": "2020-01-01T12:00:00.000Z"}
    seen.observe_job(forged)
    assert waiting(seen) == ["0", "z", "m", "a"]  # created at 12:00:00.000, and not in 2020
    assert seen.waiting.queues.ticket("0") == replace(ticket_of(seen, "z"), created_s=1767268800.0)

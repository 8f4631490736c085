"""How often a waiting job's reason is written."""

from datetime import UTC, datetime
from typing import Any

from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.demand import Demand
from picshapes_operator.explanations import NEWS_PER_SECOND, REPEATS_PER_SECOND, Explanations

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC).timestamp()
BUSY, NO_FIT = Reason.WAITING_FOR_WORKERS, Reason.NO_WORKER_FITS


def job(uid: str = "a", known: tuple[Reason, str] | None = None, since_s: float = 0.0) -> GenerationJob:
    conditions: list[dict[str, Any]] = []
    if known:
        told = {"type": "Scheduled", "status": "False", "reason": known[0].value, "message": known[1]}
        conditions.append(told | {"lastTransitionTime": datetime.fromtimestamp(START + since_s, UTC)})
    metadata = {"name": uid, "namespace": "n", "uid": uid, "resourceVersion": "1"}
    return GenerationJob.parse(
        {
            "metadata": metadata | {"creationTimestamp": "2026-01-01T12:00:00Z"},
            "spec": {"prompt": "x"},
            "status": {"phase": "Pending", "attempt": 0, "conditions": conditions},
        }
    )


def told(explanations: Explanations, at_s: float, reason: Reason, message: str = "why", **known: Any) -> list[str]:
    """Return the jobs that are told their reason when all that are due are looked at."""
    found = []
    while (uid := explanations.next(START + at_s)) is not None:
        if explanations.is_due(job(uid, **known), reason, message, datetime.fromtimestamp(START + at_s, UTC)):
            found.append(uid)
    return found


def waiting(*jobs: str) -> Explanations:
    explanations = Explanations()
    for one in jobs or ("a",):
        explanations.waits(one, START)
    return explanations


def test_a_job_that_no_worker_fits_is_told_after_two_seconds() -> None:
    explanations = waiting()
    assert told(explanations, 1.9, NO_FIT) == []
    assert told(explanations, 2.0, NO_FIT) == ["a"]


def test_a_job_whose_workers_are_busy_is_told_after_ten_seconds() -> None:
    explanations = waiting()
    assert told(explanations, 9.9, BUSY) == []
    assert told(explanations, 10.0, BUSY) == ["a"]


def test_a_job_that_waits_no_more_is_told_nothing() -> None:
    explanations = waiting()
    explanations.forget("a")
    assert told(explanations, 100.0, NO_FIT) == []


def test_what_the_job_already_says_is_not_written_again() -> None:
    explanations = waiting()
    known = (NO_FIT, "why")
    assert [told(explanations, at_s, NO_FIT, known=known) for at_s in (2.0, 62.0, 200.0)] == [[], [], []]


def test_its_place_in_line_is_no_reason_to_write_again() -> None:
    explanations = waiting()
    assert told(explanations, 100.0, BUSY, known=(BUSY, "why; now 3 of 9 in line (2026-01-01T12:00:10Z)")) == []


def test_a_new_sentence_for_the_same_reason_is_written_at_most_once_a_minute() -> None:
    explanations = waiting()
    assert told(explanations, 2.0, NO_FIT, "2 workers", known=(NO_FIT, "1 worker")) == []
    assert told(explanations, 59.0, NO_FIT, "2 workers", known=(NO_FIT, "1 worker")) == []
    assert told(explanations, 62.0, NO_FIT, "2 workers", known=(NO_FIT, "1 worker")) == ["a"]


def test_a_reason_that_has_changed_is_looked_at_soon() -> None:
    explanations, queue = waiting(), Demand("m", "r", "real", 1)
    explanations.seen({queue: BUSY}, lambda _: ["a"], START)
    assert told(explanations, 10.0, BUSY) == ["a"]
    explanations.seen({queue: NO_FIT}, lambda _: ["a"], START + 20.0)
    assert told(explanations, 21.9, NO_FIT, known=(BUSY, "why"), since_s=10.0) == []
    assert told(explanations, 22.0, NO_FIT, known=(BUSY, "why"), since_s=10.0) == ["a"]


def test_at_most_twenty_a_second_are_written() -> None:
    explanations = waiting(*(f"j{n:02}" for n in range(100)))
    assert len(told(explanations, 2.0, NO_FIT)) == 20
    assert len(told(explanations, 2.5, NO_FIT)) == 10


def test_of_jobs_that_only_wait_their_turn_at_most_five_a_second_are_told_the_oldest_first() -> None:
    explanations = waiting(*(f"j{n:02}" for n in range(100)))
    assert told(explanations, 2.0, BUSY) == []
    assert told(explanations, 10.0, BUSY) == [f"j{n:02}" for n in range(5)]
    assert told(explanations, 10.1, BUSY) == []
    assert told(explanations, 11.0, BUSY) == [f"j{n:02}" for n in range(5, 10)]


def looks(explanations: Explanations, at_s: float) -> list[str]:
    """Return the jobs that are looked at when all have been told the same before."""
    found = []
    while (uid := explanations.next(START + at_s)) is not None:
        explanations.is_due(job(uid, (NO_FIT, "why")), NO_FIT, "why", datetime.fromtimestamp(START + at_s, UTC))
        found.append(uid)
    return found


def test_however_many_wait_so_many_a_second_are_looked_at() -> None:
    explanations = waiting(*(f"j{n:05}" for n in range(10_000)))
    assert len(looks(explanations, 2.0)) == NEWS_PER_SECOND
    assert len(looks(explanations, 2.5)) == NEWS_PER_SECOND / 2


def test_news_are_looked_at_before_what_was_told() -> None:
    explanations = waiting(*(f"old-{n:03}" for n in range(200)))
    assert len(looks(explanations, 2.0)) == 200
    explanations.waits("new", START + 60.0)
    seen = looks(explanations, 62.0)
    assert seen[0] == "new"
    assert len(seen) == 1 + REPEATS_PER_SECOND

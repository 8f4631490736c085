"""When the time of pictures and jobs is over."""

from datetime import UTC, datetime

import pytest

from picshapes_api.core.job_view import Outcome
from picshapes_api.core.retention import Retention, is_picture

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
DAY_MS = 86_400_000


def test_a_picture_expires_after_its_days_to_the_millisecond() -> None:
    week = Retention(result_days=7)
    done = Outcome("completed", completed_at_ms=NOON_MS)
    assert not week.has_expired(done, NOON_MS + 7 * DAY_MS - 1)
    assert week.has_expired(done, NOON_MS + 7 * DAY_MS)


def test_without_a_setting_all_is_kept() -> None:
    ever = Retention()
    assert not ever.has_expired(Outcome("completed", completed_at_ms=0), NOON_MS)
    assert ever.results_before(NOON_MS) is None
    assert ever.jobs_before_ms(NOON_MS) is None


def test_what_has_not_ended_does_not_expire() -> None:
    assert not Retention(result_days=1).has_expired(Outcome("processing"), NOON_MS)


def test_pictures_and_jobs_have_days_of_their_own() -> None:
    both = Retention(result_days=1, job_days=31)
    assert both.results_before(NOON_MS) == datetime(2025, 12, 31, 12, tzinfo=UTC)
    assert both.jobs_before_ms(NOON_MS) == 1_764_590_400_000


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/1.png", True),
        ("8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/12.jpg", True),
        ("8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/1.txt", False),
        ("8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d", False),
        ("backup/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/1.png", False),
        ("notes.png", False),
    ],
)
def test_only_keys_that_a_worker_makes_are_pictures(key: str, ours: bool) -> None:  # noqa: FBT001 - the expectation
    assert is_picture(key) is ours

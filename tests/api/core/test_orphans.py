from picshapes_api.core.orphans import Closed, orphans

DAY_MS = 24 * 3600 * 1000
NOW_MS = 1_800_000_000_000
LONG_AGO = NOW_MS - DAY_MS
JOB, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def test_pictures_of_all_attempts_but_the_accepted_one_are_orphans() -> None:
    stored = [f"{JOB}/1.png", f"{JOB}/2.png", f"{JOB}/3.png"]
    assert orphans(stored, {JOB: Closed(2, LONG_AGO)}, NOW_MS) == [f"{JOB}/1.png", f"{JOB}/3.png"]


def test_a_failed_job_refers_to_no_picture() -> None:
    assert orphans([f"{JOB}/1.jpg"], {JOB: Closed(None, LONG_AGO)}, NOW_MS) == [f"{JOB}/1.jpg"]


def test_a_job_that_is_open_or_has_no_row_keeps_all_its_pictures() -> None:
    assert orphans([f"{JOB}/1.png", f"{JOB}/2.png"], {OTHER: Closed(None, LONG_AGO)}, NOW_MS) == []


def test_a_job_that_closed_within_the_grace_keeps_them_too() -> None:
    assert orphans([f"{JOB}/1.png"], {JOB: Closed(2, LONG_AGO + 1)}, NOW_MS) == []


def test_other_things_in_the_bucket_stay() -> None:
    stored = ["notes.txt", f"{JOB}/notes.txt", f"{JOB}/1.png/backup"]
    assert orphans(stored, {JOB: Closed(None, LONG_AGO)}, NOW_MS) == []

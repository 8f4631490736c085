"""A job whose resource was deleted and made again: its own resource says how it ended, and no other does."""

import pytest_asyncio

from picshapes_api.core.accounts import Role
from picshapes_api.core.job_view import Outcome
from picshapes_api.core.submission import Submission
from picshapes_api.storage.accepting import NewJob
from picshapes_api.storage.accounts import AccountStore, NewUser
from picshapes_api.storage.closing import Closing, Sighting
from picshapes_api.storage.database import Database
from picshapes_api.storage.job_rows import JobRow
from picshapes_api.storage.jobs import JobStore
from picshapes_crds.phases import Phase

JOB = "00000000-0000-4000-8000-00000000000a"
FIRST, SECOND = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
COMPLETED = Closing(JOB, Phase.COMPLETED, Outcome("completed", attempt=1), resource_uid=SECOND)


def deleted(uid: str | None) -> Closing:
    return Closing(JOB, Phase.FAILED, Outcome("failed", failure="Deleted"), resource_uid=uid)


@pytest_asyncio.fixture
async def store(database: Database) -> JobStore:
    """Jobs, of which one is accepted."""
    user = await AccountStore(database, lambda: 0).create(NewUser("a@example.com", Role.USER, 5, "uk_" + "a" * 43))
    jobs = JobStore(database)
    await jobs.accept(NewJob(JOB, user.id, Submission({"model": "z-image-turbo"}, 2), 0))
    return jobs


async def row_of(store: JobStore) -> JobRow:
    row = await store.find(JOB)
    assert row is not None
    return row


async def test_the_end_of_a_resource_that_was_replaced_before_it_was_recorded_ends_nothing(
    store: JobStore,
) -> None:
    await store.observe([Sighting(JOB, SECOND)])
    assert await store.close([deleted(FIRST)], 1) == set()
    assert not (await row_of(store)).closed
    assert await store.close([COMPLETED], 2) == {JOB}
    row = await row_of(store)
    assert (row.facts.outcome.status, row.resource_uid) == ("completed", SECOND)


async def test_a_job_that_got_a_resource_meanwhile_is_not_ended_for_want_of_one(store: JobStore) -> None:
    await store.observe([Sighting(JOB, FIRST)])
    assert await store.close([deleted(None)], 1) == set()
    assert not (await row_of(store)).closed


async def test_a_job_without_a_resource_is_ended_by_the_first_that_shows_one_ended(store: JobStore) -> None:
    assert await store.close([deleted(FIRST)], 1) == {JOB}
    row = await row_of(store)
    assert (row.facts.outcome.failure, row.resource_uid) == ("Deleted", FIRST)


async def test_a_job_without_a_resource_is_ended_for_want_of_one(store: JobStore) -> None:
    assert await store.close([deleted(None)], 1) == {JOB}

"""The store of accepted jobs: each verb is one unit of work."""

from typing import Final

from picshapes_api.core.account_requests import Page
from picshapes_api.storage.accepting import Accepted, NewJob, accept, made_with
from picshapes_api.storage.closing import Closing, Sighting, Standing, close, observe
from picshapes_api.storage.database import Database, Session
from picshapes_api.storage.job_rows import COLUMNS, JobRow, job_of

COUNT_OPEN: Final = (
    "SELECT count(*) AS jobs FROM"
    " (SELECT id FROM jobs WHERE user_id = $1 AND closed_at_ms IS NULL LIMIT $2) AS open_jobs"
)


class JobStore:
    """Accepted jobs in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, new: NewJob) -> Accepted:
        """Debit the price, write the job and its ledger entry, all or nothing.

        Raises `InsufficientCreditsError`, or `IdempotencyConflictError` when the key stands for another body.
        """
        return await self._database.write(lambda session: accept(session, new))

    async def earlier(self, new: NewJob) -> Accepted | None:
        """Return the job that the idempotency key has made already; None when it has made none in its time.

        Raises `IdempotencyConflictError` when the key stands for another body.
        """
        return await made_with(self._database, new)

    async def find(self, job_id: str) -> JobRow | None:
        """Return the job of this id."""
        row = await self._database.fetch_one(f"SELECT {COLUMNS} FROM jobs WHERE id = $1", job_id)  # noqa: S608 - constants only
        return None if row is None else job_of(row)

    async def list_of(self, user_id: str, page: Page, status: str | None, model: str | None) -> list[JobRow]:
        """Return a user's jobs, newest first."""
        number, key = page.after or (2**62, "ffffffff-ffff-ffff-ffff-ffffffffffff")
        rows = await self._database.fetch(
            f"SELECT {COLUMNS} FROM jobs WHERE user_id = $1 AND (created_at_ms, id) < ($2, $3)"  # noqa: S608 - constants only
            " AND (CAST($4 AS TEXT) IS NULL OR status = $4) AND (CAST($5 AS TEXT) IS NULL OR model = $5)"
            " ORDER BY created_at_ms DESC, id DESC LIMIT $6",
            user_id,
            number,
            key,
            status,
            model,
            page.limit,
        )
        return [job_of(row) for row in rows]

    async def count_open(self, user_id: str, most: int) -> int:
        """Count a user's open jobs, but no further than `most`."""
        found = await self._database.fetch_one(COUNT_OPEN, user_id, most)
        return int(found["jobs"]) if found else 0

    async def request_cancel(self, job_id: str) -> None:
        """Note that the user wants the job to end; nothing if it has."""

        async def work(session: Session) -> None:
            sql = "UPDATE jobs SET cancel_requested = true WHERE id = $1 AND closed_at_ms IS NULL"
            await session.fetch(sql, job_id)

        await self._database.write(work)

    async def unplaced_cancelled(self, before_ms: int, limit: int) -> list[str]:
        """Return jobs to be cancelled that were accepted before this time and never seen in the cluster."""
        rows = await self._database.fetch(
            "SELECT id FROM jobs WHERE closed_at_ms IS NULL AND resource_uid IS NULL AND cancel_requested"
            " AND created_at_ms <= $1 ORDER BY created_at_ms LIMIT $2",
            before_ms,
            limit,
        )
        return [str(row["id"]) for row in rows]

    async def unplaced(self, before_ms: int, limit: int) -> list[JobRow]:
        """Return the oldest open jobs accepted before this time whose resource nobody has seen."""
        rows = await self._database.fetch(
            f"SELECT {COLUMNS} FROM jobs WHERE closed_at_ms IS NULL AND resource_uid IS NULL"  # noqa: S608 - constants only
            " AND NOT cancel_requested AND created_at_ms <= $1 ORDER BY created_at_ms LIMIT $2",
            before_ms,
            limit,
        )
        return [job_of(row) for row in rows]

    async def open_placed(self) -> dict[str, str]:
        """Return the uid of the resource of every open job that has one."""
        rows = await self._database.fetch(
            "SELECT id, resource_uid FROM jobs WHERE closed_at_ms IS NULL AND resource_uid IS NOT NULL"
        )
        return {str(row["id"]): row["resource_uid"] for row in rows}

    async def cancelling(self) -> list[str]:
        """Return the open jobs whose users want them cancelled."""
        rows = await self._database.fetch("SELECT id FROM jobs WHERE closed_at_ms IS NULL AND cancel_requested")
        return [str(row["id"]) for row in rows]

    async def closed_among(self, job_ids: list[str]) -> set[str]:
        """Return those of the jobs whose end is in the database."""

        async def is_closed(job_id: str) -> bool:
            sql = "SELECT id FROM jobs WHERE id = $1 AND closed_at_ms IS NOT NULL"
            return await self._database.fetch_one(sql, job_id) is not None

        return {job_id for job_id in job_ids if await is_closed(job_id)}

    async def observe(self, sightings: list[Sighting]) -> dict[str, Standing]:
        """Write what was seen into the open rows; return what each known row demands of its resource."""

        async def work(session: Session) -> dict[str, Standing]:
            return {
                seen.job_id: standing
                for seen in sightings
                if (standing := await observe(session, seen)) is not None
            }

        return await self._database.write(work)

    async def close(self, closings: list[Closing], now_ms: int) -> set[str]:
        """End the jobs that are still open, each with its refund; return those that this call ended."""

        async def work(session: Session) -> set[str]:
            return {one.job_id for one in closings if await close(session, one, now_ms)}

        return await self._database.write(work)

"""Verbs over rows that have outlived their time. Each call does a bounded piece."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from picshapes_api.core.orphans import Closed
from picshapes_api.storage.database import Database, Session


@dataclass(frozen=True)
class OldJob:
    """A job that ended long ago."""

    id: str
    closed_at_ms: int
    created_at_ms: int


OLD_JOBS: Final = (
    "SELECT id, closed_at_ms, created_at_ms FROM jobs"
    " WHERE closed_at_ms <= $1 AND (closed_at_ms, created_at_ms) > ($2, $3)"
    " ORDER BY closed_at_ms, created_at_ms LIMIT $4"
)
CLOSED_JOB: Final = "SELECT status, attempt, closed_at_ms FROM jobs WHERE id = $1 AND closed_at_ms IS NOT NULL"


class SweepStore:
    """Old rows in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def closed_before(self, before_ms: int, after: OldJob | None, limit: int) -> list[OldJob]:
        """Return jobs closed by this time, oldest first, from behind `after` on."""
        rows = await self._database.fetch(
            OLD_JOBS,
            before_ms,
            after.closed_at_ms if after else -1,
            after.created_at_ms if after else -1,
            limit,
        )
        return [OldJob(str(row["id"]), row["closed_at_ms"], row["created_at_ms"]) for row in rows]

    async def closed(self, job_ids: Iterable[str]) -> dict[str, Closed]:
        """Return how these jobs ended; those that are open, or unknown, are left out."""
        found = {}
        for job_id in job_ids:
            for row in await self._database.fetch(CLOSED_JOB, job_id):
                accepted = row["attempt"] if row["status"] == "completed" else None
                found[job_id] = Closed(accepted, row["closed_at_ms"])
        return found

    async def remove_jobs(self, job_ids: Sequence[str]) -> int:
        """Remove jobs that have ended; their entries stay in the ledger."""

        async def work(session: Session) -> int:
            sql = "DELETE FROM jobs WHERE id = $1 AND closed_at_ms IS NOT NULL RETURNING id"
            return sum([len(await session.fetch(sql, job_id)) for job_id in job_ids])

        return await self._database.write(work) if job_ids else 0

    async def forget_grant_keys(self, before_ms: int, limit: int) -> int:
        """Remove idempotency keys of grants from before this time; return how many."""

        async def work(session: Session) -> int:
            sql = (
                "DELETE FROM grant_keys WHERE id IN"
                " (SELECT id FROM grant_keys WHERE created_at_ms <= $1 ORDER BY created_at_ms LIMIT $2)"
                " RETURNING id"
            )
            return len(await session.fetch(sql, before_ms, limit))

        return await self._database.write(work)

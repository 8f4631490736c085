"""Verbs over accepted jobs: accept, place, observe, close. Each is one unit of work."""

import json
from dataclasses import dataclass
from typing import Any, Final

from picshapes_api.core.account_requests import Page
from picshapes_api.core.errors import IdempotencyConflictError, InsufficientCreditsError
from picshapes_api.core.idempotency import KEPT_MS, Idempotency
from picshapes_api.core.job_view import JobFacts, Outcome
from picshapes_api.core.refunds import refund
from picshapes_api.core.submission import Submission
from picshapes_api.storage.database import Database, Row, Session
from picshapes_api.storage.ledger import Movement, add_entry
from picshapes_crds.phases import Phase

COLUMNS: Final = (
    "id, user_id, spec, price, created_at_ms, cancel_requested, resource_uid, status, attempt, started_at_ms,"
    " completed_at_ms, result_sha256, result_bytes, failure, closed_at_ms"
)

COUNT_OPEN: Final = (
    "SELECT count(*) AS jobs FROM"
    " (SELECT id FROM jobs WHERE user_id = $1 AND closed_at_ms IS NULL LIMIT $2) AS open_jobs"
)


@dataclass(frozen=True)
class NewJob:
    """A job about to be accepted."""

    id: str
    user_id: str
    submission: Submission
    created_at_ms: int
    idempotency: Idempotency | None = None


@dataclass(frozen=True, slots=True)
class JobRow:
    """An accepted job."""

    facts: JobFacts
    user_id: str
    price: int
    cancel_requested: bool
    resource_uid: str | None
    closed: bool


@dataclass(frozen=True)
class Accepted:
    """What became of a submission."""

    job: JobRow
    replayed: bool
    """An earlier submission with the same idempotency key made this job; nothing was debited now."""


@dataclass(frozen=True)
class Sighting:
    """A job's resource as it was seen, not at its end."""

    job_id: str
    resource_uid: str
    outcome: Outcome | None = None
    """How far it was; None when it was just created."""


@dataclass(frozen=True)
class Closing:
    """The end of a job."""

    job_id: str
    phase: Phase
    outcome: Outcome
    progress: str | None = None
    resource_uid: str | None = None
    """The resource that ended, if it is the job's; None ends a job only while it has none."""


@dataclass(frozen=True)
class Standing:
    """What a row demands of its resource."""

    cancel_requested: bool
    closed: bool


class JobStore:
    """Accepted jobs in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, new: NewJob) -> Accepted:
        """Debit the price, write the job and its ledger entry, all or nothing.

        Raises `InsufficientCreditsError`, or `IdempotencyConflictError` when the key stands for another body.
        """

        async def work(session: Session) -> Accepted:
            inserted = await _insert(session, new)
            if not inserted:
                earlier = await _made_with(session, new)
                if earlier is None:
                    raise IdempotencyConflictError  # its row was forgotten at this very moment
                return earlier
            price, now_ms = new.submission.price, new.created_at_ms
            debit = Movement(new.user_id, "debit", -price, "job", now_ms, job_id=new.id)
            if await add_entry(session, debit) is None:
                balance = await session.fetch_one("SELECT credits FROM users WHERE id = $1", new.user_id)
                raise InsufficientCreditsError(balance["credits"] if balance else 0, price)
            facts = JobFacts(new.id, new.submission.spec, now_ms, Outcome("pending"))
            job = JobRow(facts, new.user_id, price, cancel_requested=False, resource_uid=None, closed=False)
            return Accepted(job, replayed=False)

        return await self._database.write(work)

    async def earlier(self, new: NewJob) -> Accepted | None:
        """Return the job that the idempotency key has made already; None when it has made none in its time.

        Raises `IdempotencyConflictError` when the key stands for another body.
        """
        return await _made_with(self._database, new)

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
                if (standing := await _observe(session, seen)) is not None
            }

        return await self._database.write(work)

    async def close(self, closings: list[Closing], now_ms: int) -> set[str]:
        """End the jobs that are still open, each with its refund; return those that this call ended.

        The end of another resource than the row's own is passed over: a job whose resource was deleted before
        anybody wrote it down is placed once more, and then that one counts.
        """

        async def work(session: Session) -> set[str]:
            return {one.job_id for one in closings if await _close(session, one, now_ms)}

        return await self._database.write(work)


async def _insert(session: Session, new: NewJob) -> bool:
    idempotency = new.idempotency
    if idempotency is not None:
        await session.fetch(
            "UPDATE jobs SET idempotency_key = NULL"
            " WHERE user_id = $1 AND idempotency_key = $2 AND created_at_ms <= $3",
            new.user_id,
            idempotency.key,
            new.created_at_ms - KEPT_MS,
        )
    rows = await session.fetch(
        "INSERT INTO jobs (id, user_id, spec, model, price, created_at_ms, idempotency_key, idempotency_sha256,"
        " cancel_requested, status, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, 'pending', 0)"
        " ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING id",
        new.id,
        new.user_id,
        json.dumps(new.submission.spec, ensure_ascii=False, separators=(",", ":")),
        new.submission.model,
        new.submission.price,
        new.created_at_ms,
        idempotency.key if idempotency else None,
        idempotency.asked_sha256 if idempotency else None,
    )
    return bool(rows)


async def _made_with(source: Session | Database, new: NewJob) -> Accepted | None:
    """Return the job made with this idempotency key; `IdempotencyConflictError` when it was another one."""
    if new.idempotency is None:
        return None
    row = await source.fetch_one(
        f"SELECT {COLUMNS}, idempotency_sha256 FROM jobs"  # noqa: S608 - constants only
        " WHERE user_id = $1 AND idempotency_key = $2 AND created_at_ms > $3",
        new.user_id,
        new.idempotency.key,
        new.created_at_ms - KEPT_MS,
    )
    if row is None:
        return None
    if row["idempotency_sha256"] != new.idempotency.asked_sha256:
        raise IdempotencyConflictError
    return Accepted(job_of(row), replayed=True)


async def _observe(session: Session, seen: Sighting) -> Standing | None:
    if seen.outcome is None:
        row = await session.fetch_one(
            "UPDATE jobs SET resource_uid = COALESCE(resource_uid, $2) WHERE id = $1 AND closed_at_ms IS NULL"
            " RETURNING cancel_requested, closed_at_ms",
            seen.job_id,
            seen.resource_uid,
        )
    else:
        row = await session.fetch_one(
            "UPDATE jobs SET resource_uid = $2, status = $3, attempt = $4, started_at_ms = $5"
            " WHERE id = $1 AND closed_at_ms IS NULL AND (resource_uid IS NULL OR resource_uid = $2)"
            " RETURNING cancel_requested, closed_at_ms",
            seen.job_id,
            seen.resource_uid,
            seen.outcome.status,
            seen.outcome.attempt,
            seen.outcome.started_at_ms,
        )
    if row is None:  # it has ended, or another resource of this name is its own
        row = await session.fetch_one("SELECT cancel_requested, closed_at_ms FROM jobs WHERE id = $1", seen.job_id)
    return None if row is None else Standing(bool(row["cancel_requested"]), row["closed_at_ms"] is not None)


async def _close(session: Session, closing: Closing, now_ms: int) -> bool:
    outcome = closing.outcome
    row = await session.fetch_one(
        "UPDATE jobs SET status = $2, attempt = $3, started_at_ms = $4, completed_at_ms = $5, result_sha256 = $6,"
        " result_bytes = $7, failure = $8, resource_uid = COALESCE(resource_uid, $9), closed_at_ms = $10"
        " WHERE id = $1 AND closed_at_ms IS NULL AND (resource_uid IS NULL OR resource_uid = $9)"
        " RETURNING user_id, price",
        closing.job_id,
        outcome.status,
        outcome.attempt,
        outcome.started_at_ms,
        now_ms if outcome.completed_at_ms is None else outcome.completed_at_ms,
        outcome.result_sha256,
        outcome.result_bytes,
        outcome.failure,
        closing.resource_uid,
        now_ms,
    )
    if row is None:
        return False
    back = refund(row["price"], closing.phase, outcome.failure, closing.progress)
    if back:
        reason = f"job failed: {outcome.failure}"
        await add_entry(session, Movement(str(row["user_id"]), "refund", back, reason, now_ms, closing.job_id))
    return True


def job_of(row: Row) -> JobRow:
    """Read a job's row."""
    outcome = Outcome(
        status=row["status"],
        attempt=row["attempt"],
        started_at_ms=row["started_at_ms"],
        completed_at_ms=row["completed_at_ms"],
        result_sha256=row["result_sha256"],
        result_bytes=row["result_bytes"],
        failure=row["failure"],
    )
    spec: dict[str, Any] = json.loads(row["spec"])
    return JobRow(
        facts=JobFacts(str(row["id"]), spec, row["created_at_ms"], outcome),
        user_id=str(row["user_id"]),
        price=row["price"],
        cancel_requested=bool(row["cancel_requested"]),
        resource_uid=row["resource_uid"],
        closed=row["closed_at_ms"] is not None,
    )

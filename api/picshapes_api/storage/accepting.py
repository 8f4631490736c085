"""A submission becomes an accepted job: debit, row and ledger entry, once for each idempotency key."""

import json
from dataclasses import dataclass

from picshapes_api.core.errors import IdempotencyConflictError, InsufficientCreditsError
from picshapes_api.core.idempotency import KEPT_MS, Idempotency
from picshapes_api.core.job_view import JobFacts, Outcome
from picshapes_api.core.submission import Submission
from picshapes_api.storage.database import Database, Session
from picshapes_api.storage.job_rows import COLUMNS, JobRow, job_of
from picshapes_api.storage.ledger import Movement, add_entry


@dataclass(frozen=True)
class NewJob:
    """A job about to be accepted."""

    id: str
    user_id: str
    submission: Submission
    created_at_ms: int
    idempotency: Idempotency | None = None


@dataclass(frozen=True)
class Accepted:
    """What became of a submission."""

    job: JobRow
    replayed: bool
    """An earlier submission with the same idempotency key made this job; nothing was debited now."""


async def accept(session: Session, new: NewJob) -> Accepted:
    """Debit the price, write the job and its ledger entry, within a transaction that a raise must undo.

    Raises `InsufficientCreditsError`, or `IdempotencyConflictError` when the key stands for another body.
    """
    inserted = await _insert(session, new)
    if not inserted:
        earlier = await made_with(session, new)
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


async def made_with(source: Session | Database, new: NewJob) -> Accepted | None:
    """Return the job that the idempotency key has made already; None when it has made none in its time.

    Raises `IdempotencyConflictError` when the key stands for another body.
    """
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

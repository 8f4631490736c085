"""What the cluster shows of a job comes into its row: where it is, how far, and its end with its refund, once."""

from dataclasses import dataclass

from picshapes_api.core.job_view import Outcome
from picshapes_api.core.refunds import refund
from picshapes_api.storage.database import Session
from picshapes_api.storage.ledger import Movement, add_entry
from picshapes_crds.phases import Phase


@dataclass(frozen=True)
class Sighting:
    """A job's resource as it was seen, not at its end."""

    job_id: str
    resource_uid: str
    outcome: Outcome | None = None
    """How far it was; None when it was just created."""


@dataclass(frozen=True)
class Standing:
    """What a row demands of its resource."""

    cancel_requested: bool
    closed: bool


@dataclass(frozen=True)
class Closing:
    """The end of a job."""

    job_id: str
    phase: Phase
    outcome: Outcome
    progress: str | None = None
    resource_uid: str | None = None
    """The resource that ended, if it is the job's; None ends a job only while it has none."""


async def observe(session: Session, seen: Sighting) -> Standing | None:
    """Write what was seen into an open row; return what the row demands of its resource, None without a row."""
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


async def close(session: Session, closing: Closing, now_ms: int) -> bool:
    """End a job that is still open, with its refund; say whether this call did.

    The end of another resource than the row's own is passed over: a job whose resource was deleted before
    anybody wrote it down is placed once more, and then that one counts.
    """
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

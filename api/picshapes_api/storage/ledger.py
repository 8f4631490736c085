"""Movements of credits. A balance changes only here, together with the entry that says why."""

from dataclasses import dataclass
from typing import Literal

from picshapes_api.core.account_requests import Page
from picshapes_api.core.accounts import Entry
from picshapes_api.storage.database import Database, Session

EntryKind = Literal["grant", "debit", "refund"]


@dataclass(frozen=True)
class Movement:
    """One change of a balance."""

    user_id: str
    kind: EntryKind
    amount: int
    """Credits; negative for a debit."""
    reason: str
    now_ms: int
    job_id: str | None = None
    actor_id: str | None = None
    """The administrator who did it, if one did."""


async def add_entry(session: Session, movement: Movement) -> int | None:
    """Change the balance and write the entry, in the caller's unit of work; return the new balance.

    None, and nothing changed, when the balance would be negative. `ConstraintError` when the job has had an entry
    of this kind already.
    """
    balance = await session.fetch_one(
        "UPDATE users SET credits = credits + $1 WHERE id = $2 AND credits + $1 >= 0 RETURNING credits",
        movement.amount,
        movement.user_id,
    )
    if balance is None:
        return None
    await session.fetch(
        "INSERT INTO ledger (user_id, kind, amount, job_id, reason, actor_id, created_at_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        movement.user_id,
        movement.kind,
        movement.amount,
        movement.job_id,
        movement.reason,
        movement.actor_id,
        movement.now_ms,
    )
    return int(balance["credits"])


async def entries_of(database: Database, user_id: str, page: Page) -> list[Entry]:
    """Return a user's movements, newest first."""
    rows = await database.fetch(
        "SELECT id, kind, amount, reason, job_id, actor_id, created_at_ms FROM ledger"
        " WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        user_id,
        page.after[0] if page.after else 2**62,
        page.limit,
    )
    return [
        Entry(
            number=row["id"],
            kind=row["kind"],
            amount=row["amount"],
            reason=row["reason"],
            created_at_ms=row["created_at_ms"],
            job_id=None if row["job_id"] is None else str(row["job_id"]),
            actor_id=None if row["actor_id"] is None else str(row["actor_id"]),
        )
        for row in rows
    ]

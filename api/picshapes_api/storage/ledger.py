"""Movements of credits. A balance changes only here, together with the entry that says why."""

from dataclasses import dataclass
from typing import Literal

from picshapes_api.storage.database import Session

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

    None, and nothing changed, when the balance would be negative. `DuplicateError` when the job has had an entry
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

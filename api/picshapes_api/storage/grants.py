"""Credits that an administrator gives: once, however often the request is repeated with its idempotency key."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from picshapes_api.core.errors import IdempotencyConflictError, UserNotFoundError
from picshapes_api.core.idempotency import KEPT_MS, Idempotency
from picshapes_api.storage.database import Database, Session
from picshapes_api.storage.ledger import Movement, add_entry


@dataclass(frozen=True)
class Grant:
    """Credits about to be given."""

    user_id: str
    amount: int
    reason: str
    actor_id: str
    idempotency: Idempotency | None = None


@dataclass(frozen=True)
class Granted:
    """What became of a grant."""

    balance: int
    """The user's credits right after it."""
    replayed: bool
    """An earlier request with the same idempotency key gave the credits; nothing was given now."""


class GrantStore:
    """Grants in the database."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def give(self, grant: Grant) -> Granted:
        """Give credits.

        Raises `UserNotFoundError`, or `IdempotencyConflictError` when the key stands for another grant.
        """
        row_id, now_ms = str(uuid.uuid4()), self._now_ms()
        movement = Movement(grant.user_id, "grant", grant.amount, grant.reason, now_ms, actor_id=grant.actor_id)

        async def work(session: Session) -> Granted:
            if not await _take_key(session, grant, row_id, now_ms):
                return await _replay(session, grant)
            balance = await add_entry(session, movement)
            if balance is None:
                raise UserNotFoundError
            if grant.idempotency is not None:
                await session.fetch("UPDATE grant_keys SET balance = $1 WHERE id = $2", balance, row_id)
            return Granted(balance, replayed=False)

        return await self._database.write(work)


async def _take_key(session: Session, grant: Grant, row_id: str, now_ms: int) -> bool:
    """Say whether the grant is the first of its key; of two at once, the second waits for the first to commit."""
    if grant.idempotency is None:
        return True
    await session.fetch(
        "DELETE FROM grant_keys WHERE actor_id = $1 AND idempotency_key = $2 AND created_at_ms <= $3",
        grant.actor_id,
        grant.idempotency.key,
        now_ms - KEPT_MS,
    )
    rows = await session.fetch(
        "INSERT INTO grant_keys (id, actor_id, idempotency_key, asked_sha256, balance, created_at_ms)"
        " VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (actor_id, idempotency_key) DO NOTHING RETURNING id",
        row_id,
        grant.actor_id,
        grant.idempotency.key,
        grant.idempotency.asked_sha256,
        now_ms,
    )
    return bool(rows)


async def _replay(session: Session, grant: Grant) -> Granted:
    assert grant.idempotency is not None, "only an idempotency key conflicts"  # noqa: S101 - an invariant, for the reader and mypy
    row = await session.fetch_one(
        "SELECT asked_sha256, balance FROM grant_keys WHERE actor_id = $1 AND idempotency_key = $2",
        grant.actor_id,
        grant.idempotency.key,
    )
    if row is None or row["asked_sha256"] != grant.idempotency.asked_sha256:
        raise IdempotencyConflictError
    return Granted(row["balance"], replayed=True)

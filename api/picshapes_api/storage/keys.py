"""Verbs over a user's keys."""

from collections.abc import Callable
from typing import Final

from picshapes_api.core.accounts import ApiKeyFacts
from picshapes_api.core.errors import TooManyKeysError
from picshapes_api.core.keys import SHOWN
from picshapes_api.storage.accounts import insert_key
from picshapes_api.storage.database import Database, Row, Session

MOST_KEYS: Final = 100

_COLUMNS: Final = "id, prefix, name, created_at_ms, last_used_at_ms"


class KeyStore:
    """Keys in the database: hashed, so that the one who reads it can't use them."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def list_of(self, user_id: str) -> list[ApiKeyFacts]:
        """Return the keys that work, newest first."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM api_keys WHERE user_id = $1 AND revoked_at_ms IS NULL"  # noqa: S608 - constants only
            " ORDER BY created_at_ms DESC, id DESC",
            user_id,
        )
        return [_key_of(row) for row in rows]

    async def add(self, user_id: str, key: str, name: str | None) -> ApiKeyFacts:
        """Add a key; `TooManyKeysError` when the user has enough."""
        now_ms = self._now_ms()

        async def work(session: Session) -> ApiKeyFacts:
            # Locks the user's row, so that two requests can't both take the last place.
            await session.fetch("UPDATE users SET email = email WHERE id = $1", user_id)
            count = await session.fetch_one(
                "SELECT count(*) AS keys FROM api_keys WHERE user_id = $1 AND revoked_at_ms IS NULL", user_id
            )
            if count is not None and count["keys"] >= MOST_KEYS:
                raise TooManyKeysError
            key_id = await insert_key(session, user_id, key, now_ms, name)
            return ApiKeyFacts(key_id, key[:SHOWN], now_ms, name)

        return await self._database.write(work)

    async def revoke(self, user_id: str, key_id: str) -> bool:
        """Let a key work no more; False when the user has no such key."""

        async def work(session: Session) -> bool:
            sql = (
                "UPDATE api_keys SET revoked_at_ms = COALESCE(revoked_at_ms, $1) WHERE id = $2 AND user_id = $3"
                " RETURNING id"
            )
            return await session.fetch_one(sql, self._now_ms(), key_id, user_id) is not None

        return await self._database.write(work)


def _key_of(row: Row) -> ApiKeyFacts:
    return ApiKeyFacts(
        id=str(row["id"]),
        prefix=row["prefix"],
        created_at_ms=row["created_at_ms"],
        name=row["name"],
        last_used_at_ms=row["last_used_at_ms"],
    )

"""Verbs over users, keys and their credits."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from picshapes_api.core.account_requests import normal_email
from picshapes_api.core.accounts import Account, Role
from picshapes_api.core.keys import SHOWN, key_sha256
from picshapes_api.storage.database import Database, Row, Session
from picshapes_api.storage.ledger import Movement, add_entry

MINUTE_MS: Final = 60_000

USER_COLUMNS: Final = (
    "u.id, u.email, u.display_name, u.photo_url, u.role, u.credits, u.disabled, u.limit_per_minute,"
    " u.limit_per_day, u.created_at_ms, u.last_seen_at_ms"
)


@dataclass(frozen=True)
class NewUser:
    """A user to be created, with a first key."""

    email: str
    role: Role
    credits: int
    api_key: str
    display_name: str | None = None
    actor_id: str | None = None
    """The administrator who makes it, if one does."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose key a request carried."""

    account: Account
    key_id: str
    key_used_at_ms: int | None


class AccountStore:
    """Users and keys in the database."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def authenticate(self, key: str) -> Authenticated | None:
        """Return whose key this is; None if it is unknown, revoked, or its user is disabled."""
        row = await self._database.fetch_one(
            f"SELECT {USER_COLUMNS}, k.id AS key_id, k.last_used_at_ms"  # noqa: S608 - constants only
            " FROM api_keys k JOIN users u ON u.id = k.user_id"
            " WHERE k.sha256 = $1 AND k.revoked_at_ms IS NULL AND NOT u.disabled",
            key_sha256(key),
        )
        if row is None:
            return None
        return Authenticated(account_of(row), str(row["key_id"]), row["last_used_at_ms"])

    async def seen(self, who: Authenticated) -> None:
        """Note that the key was used, to the minute."""
        now_ms = self._now_ms()
        if who.key_used_at_ms is not None and who.key_used_at_ms // MINUTE_MS == now_ms // MINUTE_MS:
            return

        async def work(session: Session) -> None:
            minute_ms = now_ms // MINUTE_MS * MINUTE_MS
            await session.fetch("UPDATE api_keys SET last_used_at_ms = $1 WHERE id = $2", minute_ms, who.key_id)
            await session.fetch("UPDATE users SET last_seen_at_ms = $1 WHERE id = $2", minute_ms, who.account.id)

        await self._database.write(work)

    async def find(self, user_id: str) -> Account | None:
        """Return the user of this id."""
        row = await self._database.fetch_one(f"SELECT {USER_COLUMNS} FROM users u WHERE u.id = $1", user_id)  # noqa: S608 - constants only
        return None if row is None else account_of(row)

    async def create(self, new: NewUser) -> Account:
        """Create a user with a first key and a grant; `ConstraintError` when the address or key is taken."""
        user_id, now_ms, email = str(uuid.uuid4()), self._now_ms(), normal_email(new.email)

        async def work(session: Session) -> Account:
            await session.fetch(
                "INSERT INTO users (id, email, display_name, role, credits, disabled, created_at_ms)"
                " VALUES ($1, $2, $3, $4, $5, false, $6)",
                user_id,
                email,
                new.display_name,
                new.role.value,
                0,
                now_ms,
            )
            await insert_key(session, user_id, new.api_key, now_ms)
            if new.credits:
                grant = Movement(user_id, "grant", new.credits, "first credits", now_ms, actor_id=new.actor_id)
                await add_entry(session, grant)
            return Account(user_id, email, new.role, new.credits, now_ms, display_name=new.display_name)

        return await self._database.write(work)

    async def find_by_email(self, email: str) -> Account | None:
        """Return the user of this address."""
        row = await self._database.fetch_one(
            f"SELECT {USER_COLUMNS} FROM users u WHERE u.email = $1",  # noqa: S608 - constants only
            normal_email(email),
        )
        return None if row is None else account_of(row)

    async def has_admin(self) -> bool:
        """Say whether there is any administrator."""
        sql = "SELECT id FROM users WHERE role = 'admin' LIMIT 1"
        return await self._database.fetch_one(sql) is not None


async def insert_key(session: Session, user_id: str, key: str, now_ms: int, name: str | None = None) -> str:
    """Add a key within a unit of work and return its id."""
    key_id = str(uuid.uuid4())
    values: tuple[Any, ...] = (key_id, user_id, key_sha256(key), key[:SHOWN], name, now_ms)
    await session.fetch(
        "INSERT INTO api_keys (id, user_id, sha256, prefix, name, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        *values,
    )
    return key_id


def account_of(row: Row) -> Account:
    """Read a user's row."""
    return Account(
        id=str(row["id"]),
        email=row["email"],
        role=Role(row["role"]),
        credits=row["credits"],
        created_at_ms=row["created_at_ms"],
        disabled=bool(row["disabled"]),
        display_name=row["display_name"],
        photo_url=row["photo_url"],
        last_seen_at_ms=row["last_seen_at_ms"],
        limit_per_minute=row["limit_per_minute"],
        limit_per_day=row["limit_per_day"],
    )

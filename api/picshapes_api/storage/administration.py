"""Verbs of administrators: list and change users, check the books."""

from dataclasses import dataclass
from typing import Any, Final

from picshapes_api.core.account_requests import Page, UserChange
from picshapes_api.core.accounts import Account
from picshapes_api.core.errors import LastAdminError
from picshapes_api.storage.accounts import USER_COLUMNS, account_of
from picshapes_api.storage.database import Database, Session

_AFTER: Final = f"SELECT {USER_COLUMNS} FROM users u WHERE (u.created_at_ms, u.id) < ($1, $2)"  # noqa: S608 - constants only
_ORDER: Final = " ORDER BY u.created_at_ms DESC, u.id DESC LIMIT $3"
USERS_PAGE: Final = _AFTER + _ORDER
USER_OF_ADDRESS: Final = _AFTER + " AND u.email = $4" + _ORDER


@dataclass(frozen=True)
class Mismatch:
    """A user whose balance is not the sum of the ledger."""

    user_id: str
    credits: int
    ledger: int


@dataclass(frozen=True)
class Audit:
    """What a recount of everything found."""

    users: int
    entries: int
    mismatches: list[Mismatch]
    unsettled_jobs: list[str]
    """Jobs without their debit, and failed ones closed without any refund that they should have."""


class AdministrationStore:
    """What administrators may do in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self, page: Page, email: str | None) -> list[Account]:
        """Return users, newest first; `email` picks the one of this address."""
        after = page.after or (2**62, "ffffffff-ffff-ffff-ffff-ffffffffffff")
        if email is None:
            rows = await self._database.fetch(USERS_PAGE, *after, page.limit)
        else:
            rows = await self._database.fetch(USER_OF_ADDRESS, *after, page.limit, email)
        return [account_of(row) for row in rows]

    async def change(self, user_id: str, change: UserChange) -> Account | None:
        """Change what is given; None when there is no such user, `LastAdminError` when nobody would be left."""
        fields = {name: getattr(change, name) for name in change.model_fields_set}

        async def work(session: Session) -> Account | None:
            if fields:
                # Names of fields of ours, never of the request's.
                sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(fields, start=2))
                values: list[Any] = list(fields.values())
                await session.fetch(f"UPDATE users SET {sets} WHERE id = $1", user_id, *values)  # noqa: S608 - as above
            row = await session.fetch_one(f"SELECT {USER_COLUMNS} FROM users u WHERE u.id = $1", user_id)  # noqa: S608 - constants only
            if row is None:
                return None
            if fields.get("role") == "user" or fields.get("disabled"):
                await _demand_an_admin(session)
            return account_of(row)

        return await self._database.write(work)

    async def audit(self) -> Audit:
        """Recount every balance from the ledger, and every job from its entries, at one moment."""

        async def work(session: Session) -> Audit:
            counts = await session.fetch_one(
                "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM ledger) AS entries"
            )
            wrong = await session.fetch(
                "SELECT u.id, u.credits, COALESCE(s.total, 0) AS total FROM users u"
                " LEFT JOIN (SELECT user_id, sum(amount) AS total FROM ledger GROUP BY user_id) s"
                " ON s.user_id = u.id"
                " WHERE u.credits <> COALESCE(s.total, 0)"
            )
            jobs = await session.fetch(
                "SELECT j.id FROM jobs j LEFT JOIN ledger d ON d.job_id = j.id AND d.kind = 'debit'"
                " LEFT JOIN ledger r ON r.job_id = j.id AND r.kind = 'refund'"
                " WHERE d.amount IS NULL OR d.amount <> -j.price OR COALESCE(r.amount, 0) > j.price"
                " OR (r.amount IS NOT NULL AND (j.closed_at_ms IS NULL OR j.status = 'completed'))"
                " OR (j.status = 'failed' AND j.failure <> 'Cancelled' AND j.price > 0 AND r.amount IS NULL)"
            )
            return Audit(
                users=counts["users"] if counts else 0,
                entries=counts["entries"] if counts else 0,
                mismatches=[Mismatch(str(row["id"]), row["credits"], int(row["total"])) for row in wrong],
                unsettled_jobs=[str(row["id"]) for row in jobs],
            )

        return await self._database.snapshot(work)


async def _demand_an_admin(session: Session) -> None:
    # All administrators' rows, locked by a write, so that two can't resign at once.
    left = await session.fetch("UPDATE users SET role = role WHERE role = 'admin' AND NOT disabled RETURNING id")
    if not left:
        raise LastAdminError

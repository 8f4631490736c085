"""Users, as the rest of the API sees them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from picshapes_api.core.job_view import timestamp


class Role(StrEnum):
    """What a user may do."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    """A user."""

    id: str
    email: str
    role: Role
    credits: int
    created_at_ms: int
    disabled: bool = False
    display_name: str | None = None
    photo_url: str | None = None
    last_seen_at_ms: int | None = None
    limit_per_minute: int | None = None
    """None: the default; 0: no limit."""
    limit_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKeyFacts:
    """A key, as its user may see it."""

    id: str
    prefix: str
    created_at_ms: int
    name: str | None = None
    last_used_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement in the ledger."""

    number: int
    kind: str
    amount: int
    reason: str
    created_at_ms: int
    job_id: str | None = None
    actor_id: str | None = None


def key_body(key: ApiKeyFacts) -> dict[str, Any]:
    """Return a key for a list: never the key itself."""
    body: dict[str, Any] = {"id": key.id, "prefix": key.prefix, "created_at": timestamp(key.created_at_ms)}
    if key.name is not None:
        body["name"] = key.name
    if key.last_used_at_ms is not None:
        body["last_used_at"] = timestamp(key.last_used_at_ms)
    return body


def entry_body(entry: Entry) -> dict[str, Any]:
    """Return a movement for a list; the amount of a debit is negative."""
    body: dict[str, Any] = {
        "id": entry.number,
        "kind": entry.kind,
        "amount": entry.amount,
        "reason": entry.reason,
        "created_at": timestamp(entry.created_at_ms),
    }
    if entry.job_id is not None:
        body["job_id"] = entry.job_id
    if entry.actor_id is not None:
        body["actor_id"] = entry.actor_id
    return body


def user_body(account: Account) -> dict[str, Any]:
    """Return a user as an administrator sees it: the profile and what only administrators set."""
    body = profile_body(account) | {"disabled": account.disabled}
    if account.limit_per_minute is not None:
        body["limit_per_minute"] = account.limit_per_minute
    if account.limit_per_day is not None:
        body["limit_per_day"] = account.limit_per_day
    return body


def profile_body(account: Account) -> dict[str, Any]:
    """Return the contract's `UserProfile`."""
    body: dict[str, Any] = {"id": account.id, "email": account.email}
    if account.display_name is not None:
        body["display_name"] = account.display_name
    if account.photo_url is not None:
        body["photo_url"] = account.photo_url
    body |= {
        "credits": account.credits,
        "role": account.role.value,
        "created_at": timestamp(account.created_at_ms),
    }
    if account.last_seen_at_ms is not None:
        body["last_login_at"] = timestamp(account.last_seen_at_ms)
    return body

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

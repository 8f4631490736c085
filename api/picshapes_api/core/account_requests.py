"""What may be asked about users, keys and credits: bodies, addresses, pages."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from picshapes_api.core.accounts import Role
from picshapes_api.core.bodies import Body, Integer, OptionalFlag, OptionalText, refused, whole, without_nul
from picshapes_api.core.errors import INVALID_REQUEST, Fault, InvalidRequestError
from picshapes_crds.phases import Phase

MOST_CREDITS: Final = 10**12
MOST_REQUESTS: Final = 10**9
PAGE: Final = 20
LONGEST_PAGE: Final = 100

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"(?=.{{1,64}}@){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+")
"""An address as RFC 5321 has it, without quoting and literals."""

Credits = Annotated[Integer, Field(ge=0, le=MOST_CREDITS)]
Requests = Annotated[Annotated[int, Field(ge=0, le=MOST_REQUESTS)] | None, BeforeValidator(whole)]
"""`null` is the default again."""
ShortText = Annotated[OptionalText, Field(min_length=1, max_length=200), AfterValidator(without_nul)]


def normal_email(email: str) -> str:
    """Return the address as it is stored and compared: without case."""
    return email.strip().lower()


class NewUserRequest(Body):
    """The body of `POST /api/v1/admin/users`."""

    email: Annotated[str, Field(max_length=254)]
    display_name: ShortText = None
    role: OptionalText = None
    credits: Credits = 0

    @field_validator("email")
    @classmethod
    def _address(cls, value: str) -> str:
        if not _ADDRESS.fullmatch(value):
            raise refused(INVALID_REQUEST, "Email must be an e-mail address")
        return normal_email(value)

    @field_validator("role")
    @classmethod
    def _known(cls, value: str) -> str:
        return known_role(value)


class UserChange(Body):
    """The body of `PATCH /api/v1/admin/users/{id}`: what is absent stays, `null` resets a limit."""

    display_name: ShortText = None
    role: OptionalText = None
    disabled: OptionalFlag = None
    limit_per_minute: Requests = None
    limit_per_day: Requests = None

    @field_validator("role")
    @classmethod
    def _known(cls, value: str) -> str:
        return known_role(value)


class GrantRequest(Body):
    """The body of `POST /api/v1/admin/users/{id}/credits`."""

    amount: Annotated[Integer, Field(ge=1, le=MOST_CREDITS)]
    reason: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(without_nul)]


class NewKeyRequest(Body):
    """The body of `POST /api/v1/users/me/keys`."""

    name: ShortText = None


def known_role(value: str) -> str:
    """Refuse what is no role."""
    if value not in set(Role):
        raise refused(INVALID_REQUEST, "Role must be user or admin")
    return value


@dataclass(frozen=True)
class Page:
    """A part of a list, newest first: how many, and after which (milliseconds or number, id)."""

    limit: int
    after: tuple[int, str] | None = None


def read_page(query: Mapping[str, str]) -> Page:
    """Read `limit` and `cursor`; raises `InvalidRequestError`."""
    faults = []
    limit, cursor = query.get("limit", str(PAGE)), query.get("cursor")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 9 and 1 <= int(limit) <= LONGEST_PAGE):  # noqa: PLR2004 - no number of that length is in range
        words = f"Limit must be an integer from 1 to {LONGEST_PAGE}"
        faults.append(Fault("limit", INVALID_REQUEST, words))
    after = None
    if cursor is not None:
        after = _read_cursor(cursor)
        if after is None:
            faults.append(Fault("cursor", INVALID_REQUEST, "Cursor must be a next_cursor of this list"))
    if faults:
        raise InvalidRequestError(faults)
    return Page(int(limit), after)


def read_status(query: Mapping[str, str]) -> str | None:
    """Read `status`; raises `InvalidRequestError`."""
    status = query.get("status")
    known = [phase.value.lower() for phase in Phase]
    if status is not None and status not in known:
        words = f"Status must be one of {', '.join(known)}"
        raise InvalidRequestError([Fault("status", INVALID_REQUEST, words)])
    return status


def cursor_of(number: int, key: str) -> str:
    """Return the cursor that continues after this row; clients take it as it is."""
    return base64.urlsafe_b64encode(f"{number}:{key}".encode()).rstrip(b"=").decode()


def _read_cursor(cursor: str) -> tuple[int, str] | None:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    match = re.fullmatch(r"(\d{1,18}):([0-9a-f-]{36}|)", text)
    return (int(match[1]), match[2]) if match else None

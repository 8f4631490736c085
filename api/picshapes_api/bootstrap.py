"""First users, from a file that only the API's own user can read: made once, never changed afterwards."""

import stat
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from picshapes_api.core.accounts import Role
from picshapes_api.core.keys import is_key
from picshapes_api.storage.accounts import AccountStore, NewUser
from picshapes_api.storage.database import ConstraintError

log = structlog.get_logger(__name__)


class InvalidBootstrapFileError(ValueError):
    """The file can't be used; the message says why, without its keys."""


class FirstUser(BaseModel):
    """One user of the file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: Annotated[str, Field(min_length=3, max_length=254)]
    display_name: str | None = None
    role: Role = Role.USER
    credits: Annotated[int, Field(ge=0)] = 0
    api_key: str

    @field_validator("api_key")
    @classmethod
    def _well_formed(cls, value: str) -> str:
        if not is_key(value):
            raise ValueError("must be uk_ and 20 to 128 letters, digits, - or _")
        return value


class Bootstrap(BaseModel):
    """The file's content."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    users: list[FirstUser]


def read_bootstrap(path: Path) -> Bootstrap:
    """Read the file; `InvalidBootstrapFileError` when others may read it or it makes no sense."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidBootstrapFileError(f"{path} holds keys but others may read it: chmod 600 {path}")
        return Bootstrap.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidBootstrapFileError(f"can't read {path}: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidBootstrapFileError(f"{path} is invalid: {faults}") from None


async def create_first_users(bootstrap: Bootstrap, accounts: AccountStore) -> None:
    """Create those users whose address is not known yet."""
    for user in bootstrap.users:
        if await accounts.find_by_email(user.email) is not None:
            continue
        new = NewUser(user.email, user.role, user.credits, user.api_key, user.display_name)
        try:
            account = await accounts.create(new)
        except ConstraintError:
            # Another process was faster, or the key belongs to someone: both are settled by what is there.
            log.warning("bootstrap.exists", email=user.email)
        else:
            log.info("bootstrap.created", user_id=account.id, email=account.email, role=account.role.value)

"""The first administrator of an installation in a cluster: its key lies in a Secret, which is filled once.

A chart can't draw a random key and stay the same from render to render, so it makes the Secret empty. The first
start draws the key and writes it there before it makes the user: a process that dies in between, or another that
starts at the same time, finds the key and goes on with it. A Secret that holds a key already is taken as it is.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import stamina
import structlog
from pydantic import ValidationError

from picshapes_api.bootstrap import Bootstrap, FirstUser, create_first_users
from picshapes_api.core.accounts import Role
from picshapes_api.core.keys import new_key
from picshapes_api.storage.accounts import AccountStore
from picshapes_crds.cluster import Cluster, ConflictError, Json, Kind, NotFoundError, UnavailableError

SECRETS: Final = Kind("v1", "secrets")
KEY: Final = "api-key"
EMAIL: Final = "email"
TRIES: Final = 5
API_SERVER_START_S: Final = 120

log = structlog.get_logger(__name__)


class InvalidAdminSecretError(ValueError):
    """The Secret can't be used; the message says why, without its key."""


@dataclass(frozen=True)
class AdminSecret:
    """Where the first administrator's key lies, and whose it is if the Secret doesn't say."""

    namespace: str
    name: str
    email: str


async def create_first_admin(
    cluster: Cluster, secret: AdminSecret, accounts: AccountStore, random_bytes: Callable[[int], bytes]
) -> None:
    """Make the first administrator; the API server is needed, and waited for, only while there is none."""
    if await accounts.has_admin():
        return
    async for attempt in stamina.retry_context(UnavailableError, attempts=None, timeout=API_SERVER_START_S):
        with attempt:
            admin = await read_first_admin(cluster, secret, random_bytes)
    await create_first_users(admin, accounts)


async def read_first_admin(
    cluster: Cluster, secret: AdminSecret, random_bytes: Callable[[int], bytes]
) -> Bootstrap:
    """Return the first administrator, after filling the Secret if it is empty.

    Raises `InvalidAdminSecretError`, or `ClusterError` when the API server does not answer.
    """
    for _ in range(TRIES):
        try:
            found = await cluster.get(SECRETS, secret.namespace, secret.name)
        except NotFoundError:
            raise InvalidAdminSecretError(f"there is no Secret {secret.namespace}/{secret.name}") from None
        held = found.get("data") or {}
        if held.get(KEY):
            return _read(secret, held)
        filling = {KEY: _encoded(new_key(random_bytes)), EMAIL: held.get(EMAIL) or _encoded(secret.email)}
        version = found["metadata"]["resourceVersion"]
        body: Json = {"metadata": {"resourceVersion": version}, "data": filling}
        try:
            filled = await cluster.merge_patch(SECRETS, secret.namespace, secret.name, body)
        except ConflictError:
            continue  # another process was faster: its key counts
        log.info("first_admin.secret_filled", secret=secret.name)
        return _read(secret, filled["data"])
    raise InvalidAdminSecretError(f"the Secret {secret.namespace}/{secret.name} changes all the time")


def _read(secret: AdminSecret, held: dict[str, str]) -> Bootstrap:
    where = f"the Secret {secret.namespace}/{secret.name}"
    try:
        key = base64.b64decode(held[KEY], validate=True).decode().strip()
        email = base64.b64decode(held[EMAIL], validate=True).decode().strip() if held.get(EMAIL) else secret.email
        user = FirstUser(email=email, display_name="First administrator", role=Role.ADMIN, api_key=key)
    except ValidationError as error:
        faults = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise InvalidAdminSecretError(f"{where} is invalid: {faults}") from None
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidAdminSecretError(f"{where} holds what is no text") from None
    return Bootstrap(users=[user])


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

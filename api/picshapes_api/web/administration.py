"""What administrators do over HTTP: users, grants, ledgers, the audit."""

from dataclasses import asdict
from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.account_requests import (
    GrantRequest,
    NewKeyRequest,
    NewUserRequest,
    UserChange,
    cursor_of,
    normal_email,
    read_page,
)
from picshapes_api.core.accounts import Account, Role, profile_body, user_body
from picshapes_api.core.bodies import read_body
from picshapes_api.core.errors import EmailTakenError, UserNotFoundError
from picshapes_api.core.idempotency import read_idempotency
from picshapes_api.core.ids import is_id
from picshapes_api.core.keys import new_key
from picshapes_api.storage.accounts import NewUser
from picshapes_api.storage.database import ConstraintError
from picshapes_api.storage.grants import Grant
from picshapes_api.web.answers import json_answer, query_of, services_of
from picshapes_api.web.authentication import for_admins
from picshapes_api.web.users import issue_key, ledger_page

routes = Blueprint("administration", url_prefix="/api/v1/admin")


@routes.post("/users")
@for_admins
async def create_user(request: Request, account: Account) -> HTTPResponse:
    """Make a user with a first key, which is shown this once."""
    services = services_of(request)
    wanted = read_body(NewUserRequest, request.body)
    key = new_key(services.randomness.secret_bytes)
    role = Role(wanted.role or Role.USER)
    new = NewUser(wanted.email, role, wanted.credits, key, wanted.display_name, actor_id=account.id)
    try:
        made = await services.accounts.create(new)
    except ConstraintError:
        raise EmailTakenError from None
    return json_answer(profile_body(made) | {"api_key": key}, 201)


@routes.get("/users")
@for_admins
async def list_users(request: Request, account: Account) -> HTTPResponse:  # noqa: ARG001 - every administrator sees the same
    """Show a page of users, newest first."""
    query = query_of(request)
    page, email = read_page(query), query.get("email")
    users = await services_of(request).administration.users(page, email and normal_email(email))
    body: dict[str, Any] = {"users": [user_body(user) for user in users]}
    if len(users) == page.limit:
        body["next_cursor"] = cursor_of(users[-1].created_at_ms, users[-1].id)
    return json_answer(body)


@routes.get("/users/<user_id:str>")
@for_admins
async def show_user(request: Request, account: Account, user_id: str) -> HTTPResponse:  # noqa: ARG001 - as above
    """Show a user."""
    return json_answer(user_body(await _user(request, user_id)))


@routes.patch("/users/<user_id:str>")
@for_admins
async def change_user(request: Request, account: Account, user_id: str) -> HTTPResponse:  # noqa: ARG001 - as above
    """Change a user: name, role, whether it may come in, its limits (0: none, null: the default)."""
    change = read_body(UserChange, request.body)
    changed = await services_of(request).administration.change(user_id, change) if is_id(user_id) else None
    if changed is None:
        raise UserNotFoundError
    return json_answer(user_body(changed))


@routes.post("/users/<user_id:str>/credits")
@for_admins
async def grant(request: Request, account: Account, user_id: str) -> HTTPResponse:
    """Give a user credits; with an idempotency key once, however often it is asked for."""
    wanted = read_body(GrantRequest, request.body)
    asked = f"{user_id} {wanted.model_dump_json()}"
    idempotency = read_idempotency(request.headers.get("idempotency-key"), asked)
    if not is_id(user_id):
        raise UserNotFoundError
    given = await services_of(request).grants.give(
        Grant(user_id, wanted.amount, wanted.reason, account.id, idempotency)
    )
    headers = {"Idempotent-Replayed": "true"} if given.replayed else None
    return json_answer({"credits": given.balance, "user_id": user_id}, headers=headers)


@routes.post("/users/<user_id:str>/keys")
@for_admins
async def make_key(request: Request, account: Account, user_id: str) -> HTTPResponse:  # noqa: ARG001 - as above
    """Make a key for a user who has none left."""
    wanted = read_body(NewKeyRequest, request.body or b"{}")
    user = await _user(request, user_id)
    return json_answer(await issue_key(request, user.id, wanted.name), 201)


@routes.get("/users/<user_id:str>/ledger")
@for_admins
async def ledger(request: Request, account: Account, user_id: str) -> HTTPResponse:  # noqa: ARG001 - as above
    """Show a page of anyone's movements."""
    user = await _user(request, user_id)
    return json_answer(await ledger_page(request, user.id))


@routes.get("/audit")
@for_admins
async def audit(request: Request, account: Account) -> HTTPResponse:  # noqa: ARG001 - as above
    """Recount every balance from the ledger."""
    found = await services_of(request).administration.audit()
    clean = not found.mismatches and not found.unsettled_jobs
    return json_answer({"consistent": clean} | asdict(found))


async def _user(request: Request, user_id: str) -> Account:
    user = await services_of(request).accounts.find(user_id) if is_id(user_id) else None
    if user is None:
        raise UserNotFoundError
    return user

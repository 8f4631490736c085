"""A user's own things over HTTP: profile, balance, ledger, keys."""

from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.account_requests import NewKeyRequest, cursor_of, read_page
from picshapes_api.core.accounts import Account, entry_body, key_body, profile_body
from picshapes_api.core.bodies import read_body
from picshapes_api.core.errors import KeyNotFoundError
from picshapes_api.core.ids import is_id
from picshapes_api.core.keys import new_key
from picshapes_api.storage.ledger import entries_of
from picshapes_api.web.answers import json_answer, query_of, services_of
from picshapes_api.web.authentication import for_users

routes = Blueprint("users", url_prefix="/api/v1/users/me")


@routes.get("/", strict_slashes=False)
@for_users
async def profile(_: Request, account: Account) -> HTTPResponse:
    """Show who the key belongs to."""
    return json_answer(profile_body(account))


@routes.get("/credits")
@for_users
async def balance(_: Request, account: Account) -> HTTPResponse:
    """Show the balance."""
    return json_answer({"credits": account.credits, "user_id": account.id})


@routes.get("/ledger")
@for_users
async def ledger(request: Request, account: Account) -> HTTPResponse:
    """Show a page of the movements of credits, newest first."""
    return json_answer(await ledger_page(request, account.id))


@routes.get("/keys")
@for_users
async def list_keys(request: Request, account: Account) -> HTTPResponse:
    """Show the keys that work, by their first characters."""
    keys = await services_of(request).keys.list_of(account.id)
    return json_answer({"keys": [key_body(key) for key in keys]})


@routes.post("/keys")
@for_users
async def make_key(request: Request, account: Account) -> HTTPResponse:
    """Make a key and show it, this once."""
    wanted = read_body(NewKeyRequest, request.body or b"{}")
    return json_answer(await issue_key(request, account.id, wanted.name), 201)


@routes.delete("/keys/<key_id:str>")
@for_users
async def revoke_key(request: Request, account: Account, key_id: str) -> HTTPResponse:
    """Let a key work no more."""
    if not (is_id(key_id) and await services_of(request).keys.revoke(account.id, key_id)):
        raise KeyNotFoundError
    return HTTPResponse(None, 204)


async def issue_key(request: Request, user_id: str, name: str | None) -> dict[str, Any]:
    """Make a key for a user and return it with what a list shows of it."""
    services = services_of(request)
    key = new_key(services.randomness.secret_bytes)
    return key_body(await services.keys.add(user_id, key, name)) | {"api_key": key}


async def ledger_page(request: Request, user_id: str) -> dict[str, Any]:
    """Return the page of a user's ledger that the request asks for."""
    page = read_page(query_of(request))
    entries = await entries_of(services_of(request).database, user_id, page)
    body: dict[str, Any] = {"entries": [entry_body(entry) for entry in entries]}
    if len(entries) == page.limit:
        body["next_cursor"] = cursor_of(entries[-1].number, "")
    return body

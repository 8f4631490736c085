"""A user's own things over HTTP."""

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.accounts import Account, profile_body
from picshapes_api.web.answers import json_answer
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

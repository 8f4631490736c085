"""Whose request it is."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from sanic import HTTPResponse, Request

from picshapes_api.core.accounts import Account, Role
from picshapes_api.core.errors import ForbiddenError, UnauthorizedError
from picshapes_api.core.keys import bearer_key
from picshapes_api.web.answers import services_of

Handler = Callable[..., Awaitable[HTTPResponse]]
"""Takes the request, what the path names, and `account` when it is for users."""


def for_users(handler: Handler) -> Handler:
    """Let a handler be called with the account whose key the request carries, or not at all."""

    @wraps(handler)
    async def authenticated(request: Request, **path: Any) -> HTTPResponse:
        return await handler(request, account=await account_of(request), **path)

    return authenticated


def for_admins(handler: Handler) -> Handler:
    """Let a handler be called with the administrator whose key the request carries, or not at all."""

    @wraps(handler)
    async def authorized(request: Request, **path: Any) -> HTTPResponse:
        account = await account_of(request)
        if account.role is not Role.ADMIN:
            raise ForbiddenError
        return await handler(request, account=account, **path)

    return authorized


async def account_of(request: Request) -> Account:
    """Return the user whose key the request carries; `UnauthorizedError` when there is none."""
    key = bearer_key(request.headers.get("authorization"))
    if key is None:
        raise UnauthorizedError
    accounts = services_of(request).accounts
    who = await accounts.authenticate(key)
    if who is None:
        raise UnauthorizedError
    await accounts.seen(who)
    return who.account

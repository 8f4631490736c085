"""Whose request it is, and whether it may come now: 401 before 429, before anything else is looked at."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import structlog
from sanic import HTTPResponse, Request

from picshapes_api.core.accounts import Account, Role
from picshapes_api.core.errors import ApiError, ForbiddenError, RateLimitedError, UnauthorizedError
from picshapes_api.core.keys import bearer_key
from picshapes_api.core.rate_limits import PER_DAY, PER_MINUTE, PER_MINUTE_AND_ADDRESS, Verdict
from picshapes_api.web.answers import address_of, error_answer, services_of

Handler = Callable[..., Awaitable[HTTPResponse]]
"""Takes the request, what the path names, and `account` when it is for users."""


def for_users(handler: Handler) -> Handler:
    """Let a handler be called with the account whose key the request carries, or not at all."""

    @wraps(handler)
    async def authenticated(request: Request, **path: Any) -> HTTPResponse:
        account = await account_of(request)
        verdict = await _count(request, account)
        try:
            _demand(verdict)
            response = await handler(request, account=account, **path)
        except ApiError as error:
            response = error_answer(error)
        response.headers.update(verdict.headers())
        return response

    return authenticated


def for_admins(handler: Handler) -> Handler:
    """Let a handler be called with the administrator whose key the request carries, or not at all."""

    @wraps(handler)
    async def authorized(request: Request, account: Account, **path: Any) -> HTTPResponse:
        if account.role is not Role.ADMIN:
            raise ForbiddenError
        return await handler(request, account=account, **path)

    return for_users(authorized)


def for_everyone(handler: Handler) -> Handler:
    """Bound a handler that needs no key by the client's address, where that can be trusted."""

    @wraps(handler)
    async def bounded(request: Request, **path: Any) -> HTTPResponse:
        if services_of(request).exposure.trusted_proxies:
            await bound_address(request)
        return await handler(request, **path)

    return bounded


async def account_of(request: Request) -> Account:
    """Return the user whose key the request carries; `UnauthorizedError` when there is none."""
    structlog.contextvars.bind_contextvars(request_id=request.ctx.id)
    key = bearer_key(request.headers.get("authorization"))
    accounts = services_of(request).accounts
    who = await accounts.authenticate(key) if key is not None else None
    if who is None:
        await bound_address(request)
        raise UnauthorizedError
    await accounts.seen(who)
    return who.account


async def bound_address(request: Request) -> None:
    """Count a request without a good key by its address; `RateLimitedError` when there were too many."""
    address = address_of(request)
    if address is not None:
        limiter = services_of(request).limiter
        _demand(await limiter.hit(f"address:{address}", PER_MINUTE_AND_ADDRESS, 0))


async def _count(request: Request, account: Account) -> Verdict:
    per_minute = PER_MINUTE if account.limit_per_minute is None else account.limit_per_minute
    per_day = PER_DAY if account.limit_per_day is None else account.limit_per_day
    return await services_of(request).limiter.hit(f"user:{account.id}", per_minute, per_day)


def _demand(verdict: Verdict) -> None:
    if verdict.retry_after_s is not None:
        raise RateLimitedError(verdict.retry_after_s)

"""Answers as bytes, and what every handler needs of a request."""

import json
from typing import Any

from sanic import HTTPResponse, Request

from picshapes_api.core.errors import ApiError
from picshapes_api.services import Services

JSON_TYPE = "application/json"


def encode(body: Any) -> bytes:
    """Write JSON as the API does: compact, UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Answer with JSON."""
    return HTTPResponse(encode(body), status, headers, JSON_TYPE)


def error_answer(error: ApiError) -> HTTPResponse:
    """Answer with an error in the contract's shape."""
    return json_answer(error.body(), error.status, error.headers())


def services_of(request: Request) -> Services:
    """Return what this application works with."""
    services: Services = request.app.ctx.services
    return services


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters; of one that is repeated, the last."""
    return dict(request.get_query_args(keep_blank_values=True))


def base_url(request: Request) -> str:
    """Return where the client reaches this API, without a slash at its end."""
    public_url = services_of(request).public_url
    return public_url or f"{request.scheme}://{request.host}"

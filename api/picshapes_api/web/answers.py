"""Answers as bytes, and what every handler needs of a request."""

import json
from typing import Any

from sanic import HTTPResponse, Request

from picshapes_api.core.bodies import label
from picshapes_api.core.errors import INVALID_REQUEST, ApiError, Fault, InvalidRequestError
from picshapes_api.core.forwarding import authority_of, client_address, external_url, is_authority
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
    """Return the query's parameters; of one that is repeated, the last. No value holds NUL, which no text has."""
    query = dict(request.get_query_args(keep_blank_values=True))
    faults = [
        Fault(name, INVALID_REQUEST, f"{label(name)} must not contain NUL")
        for name in query
        if "\0" in query[name]
    ]
    if faults:
        raise InvalidRequestError(faults)
    return query


def base_url(request: Request) -> str:
    """Return where the client reaches this API, without a slash at its end."""
    exposure = services_of(request).exposure
    if exposure.public_url:
        return exposure.public_url
    host = request.headers.get("host", "")
    if not is_authority(host):  # none, or none that could stand in an address that we give
        host = authority_of(request.transport.get_extra_info("sockname"))
    direct = "https" if request.transport.get_extra_info("sslcontext") else "http", host
    if not exposure.trusted_proxies:
        return f"{direct[0]}://{direct[1]}"
    told = request.headers.get("x-forwarded-proto", ""), request.headers.get("x-forwarded-host", "")
    return external_url(_peer(request), direct, told, exposure.trusted_proxies)


def address_of(request: Request) -> str | None:
    """Return the client's address, where it can be trusted."""
    trusted = services_of(request).exposure.trusted_proxies
    if not trusted:
        return None
    return client_address(_peer(request), request.headers.get("x-forwarded-for"), trusted)


def _peer(request: Request) -> str:
    info = request.conn_info
    return info.client_ip if info else ""

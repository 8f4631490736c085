"""The API's own description: for programs as OpenAPI, for people as a page that needs nothing from elsewhere."""

import json
from importlib import resources
from typing import Any, Final

import yaml
from sanic import Blueprint, HTTPResponse, Request

routes = Blueprint("description")

FILE: Final = resources.files("picshapes_api").joinpath("openapi.yaml")
_POLICY: Final = (
    "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'"
)


def description() -> dict[str, Any]:
    """Return the OpenAPI document."""
    document: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return document


_YAML: Final = FILE.read_bytes()
_JSON: Final = json.dumps(description(), ensure_ascii=False).encode()
_PAGE: Final = resources.files("picshapes_api.web").joinpath("docs.html").read_bytes()
_OPEN: Final = {"Access-Control-Allow-Origin": "*"}


@routes.get("/openapi.yaml")
async def as_yaml(_: Request) -> HTTPResponse:
    """Give the description as it was written."""
    return HTTPResponse(_YAML, 200, dict(_OPEN), "application/yaml")


@routes.get("/openapi.json")
async def as_json(_: Request) -> HTTPResponse:
    """Give the description to what reads no YAML."""
    return HTTPResponse(_JSON, 200, dict(_OPEN), "application/json")


@routes.get("/docs")
async def page(_: Request) -> HTTPResponse:
    """Show the description."""
    return HTTPResponse(_PAGE, 200, {"Content-Security-Policy": _POLICY}, "text/html; charset=utf-8")

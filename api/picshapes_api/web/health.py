"""Whether the process lives, whether it can serve, and its figures."""

import asyncio

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.web.answers import json_answer, services_of

routes = Blueprint("health")

DATABASE_ANSWER_S = 2.0


@routes.get("/healthz")
async def healthz(_: Request) -> HTTPResponse:
    """Say that the event loop turns."""
    return json_answer({"status": "ok"})


@routes.get("/readyz")
async def readyz(request: Request) -> HTTPResponse:
    """Say what keeps this process from serving, if anything does."""
    services = services_of(request)
    missing = []
    if services.stopping:
        missing.append("stopping")
    if not services.cache.trustworthy:
        missing.append("no word from the API server: jobs may be out of date")
    try:
        async with asyncio.timeout(DATABASE_ANSWER_S):
            await services.database.fetch("SELECT 1 AS one")
    except (DatabaseUnavailableError, TimeoutError):
        missing.append("the database does not answer")
    if missing:
        return json_answer({"status": "not ready", "missing": missing}, 503)
    return json_answer({"status": "ok"})


@routes.get("/metrics")
async def metrics(request: Request) -> HTTPResponse:
    """Show the figures in Prometheus' text format."""
    text = generate_latest(services_of(request).registry)
    return HTTPResponse(text, 200, None, CONTENT_TYPE_PLAIN_0_0_4)

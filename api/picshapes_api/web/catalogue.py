"""Tiers and models over HTTP."""

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.catalogue_view import models_body, tiers_body
from picshapes_api.web.answers import json_answer, services_of

routes = Blueprint("catalogue", url_prefix="/api/v1")


@routes.get("/tiers")
async def tiers(request: Request) -> HTTPResponse:
    """Show the tiers with the default model's figures."""
    return json_answer(tiers_body(services_of(request).catalogue))


@routes.get("/models")
async def models(request: Request) -> HTTPResponse:
    """Show the models and the workers that are there to serve them."""
    services = services_of(request)
    return json_answer(models_body(services.catalogue, services.workers.serving()))

"""Tiers and models over HTTP."""

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.core.catalogue_view import models_body, tiers_body
from picshapes_api.web.answers import json_answer, services_of
from picshapes_api.web.authentication import for_everyone

routes = Blueprint("catalogue", url_prefix="/api/v1")


@routes.get("/tiers")
@for_everyone
async def tiers(request: Request) -> HTTPResponse:
    """Show the tiers with the default model's figures."""
    return json_answer(tiers_body(services_of(request).catalogue))


@routes.get("/models")
@for_everyone
async def models(request: Request) -> HTTPResponse:
    """Show the models and the workers that are there to serve them."""
    services = services_of(request)
    return json_answer(models_body(services.catalogue, services.workers.serving()))

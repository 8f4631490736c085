"""The Sanic application: its limits, its routes, and how failures become answers."""

from typing import Any, Final

import structlog
from sanic import HTTPResponse, Request, Sanic
from sanic.config import Config
from sanic.exceptions import SanicException

from picshapes_api.core.errors import (
    HTTP_CODES,
    INVALID_REQUEST,
    ApiError,
    NotFoundError,
    ServiceUnavailableError,
)
from picshapes_api.pictures import StorageUnavailableError
from picshapes_api.services import Services
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.web import administration, catalogue, description, explain, health, jobs, results, users
from picshapes_api.web.answers import error_answer, json_answer
from picshapes_api.web.observing import METHODS, Observer, request_id

MAX_BODY_BYTES: Final = 256 * 1024
"""Two prompts of 4,000 characters, each escaped to 12 bytes, and room."""
HEADER_S: Final = 30.0
"""A request's header has so long to arrive."""
ANSWER_S: Final = 60.0
"""From then on so long to take the body in and begin the answer; what is sent then may pause for as long."""

log = structlog.get_logger(__name__)


def build_app(services: Services, name: str = "picshapes") -> Sanic[Config, Any]:
    """Return the application; nothing runs yet. `name` must differ among those in one process."""
    app = Sanic(name, configure_logging=False, env_prefix="PICSHAPES_SANIC_")
    app.config.update(
        REQUEST_MAX_SIZE=MAX_BODY_BYTES,
        REQUEST_TIMEOUT=HEADER_S,
        RESPONSE_TIMEOUT=ANSWER_S,
        KEEP_ALIVE_TIMEOUT=75,
        ACCESS_LOG=False,
        MOTD=False,
        FALLBACK_ERROR_FORMAT="json",
    )
    app.ctx.services = services
    Observer(services.registry).attach(app)
    for part in (users, administration, jobs, explain, catalogue, results, description, health):
        app.blueprint(part.routes)
    app.error_handler.add(ApiError, _known)
    app.error_handler.add(DatabaseUnavailableError, _unavailable)
    app.error_handler.add(StorageUnavailableError, _unavailable)
    app.error_handler.add(SanicException, _http)
    app.error_handler.add(Exception, _unknown)
    return app


def _known(_: Request, error: ApiError) -> HTTPResponse:
    return error_answer(error)


def _unavailable(request: Request, error: Exception) -> HTTPResponse:
    log.error("request.unavailable", request_id=request_id(request), path=request.path, error=str(error))
    return error_answer(ServiceUnavailableError())


def _http(request: Request, error: SanicException) -> HTTPResponse:
    """Answer what Sanic itself refuses: unknown paths and methods, bodies too large, broken requests."""
    if error.status_code == 404:  # noqa: PLR2004 - an HTTP status
        return error_answer(NotFoundError())
    code = HTTP_CODES.get(error.status_code, INVALID_REQUEST if error.status_code < 500 else ApiError.code)  # noqa: PLR2004 - as above
    text = str(error) if error.status_code < 500 else ApiError.message  # noqa: PLR2004 - as above
    headers = dict(error.headers)
    if error.status_code == 405:  # noqa: PLR2004 - as above
        headers["Allow"] = ", ".join(_allowed(request))
    return json_answer({"error": text, "code": code}, error.status_code, headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods that a path has handlers for; where there are several, Sanic names none."""
    found = []
    for method in sorted(METHODS):
        try:
            request.app.router.get(request.path, method, None)
        except SanicException:
            continue
        found.append(method)
    return found


def _unknown(request: Request, error: Exception) -> HTTPResponse:
    log.error("request.failed", request_id=request_id(request), path=request.path, exc_info=error)
    return error_answer(ApiError())

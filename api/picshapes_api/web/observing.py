"""What is seen of every request: an id in logs and answer, a log line, figures with bounded labels.

Labels are the route's own template, never a path that a client made up; unknown paths share one label.
"""

import itertools
import secrets
import time
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from sanic import Request, Sanic
from sanic.response import BaseHTTPResponse

LONGEST_ID: Final = 128
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_QUIET: Final = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger(__name__)


class Observer:
    """Hooks around every request of one application."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "picshapes_api_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "picshapes_api_request_seconds",
            "Time from a request's header to its answer",
            ["method", "route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._prefix, self._number = secrets.token_hex(4), itertools.count()
        # Looking up a metric's child takes longer than counting in it: the few there are, are kept.
        self._children: dict[tuple[str, object, int], tuple[Counter, Histogram]] = {}

    def attach(self, app: Sanic[Any, Any]) -> None:
        """Observe the requests of this application."""
        app.register_middleware(self.begin, "request")
        app.register_middleware(self.end, "response")

    def begin(self, request: Request) -> None:
        """Give the request an id: the client's own, if it is a decent one."""
        request.ctx.began = time.perf_counter()
        given = request.headers.get("x-request-id")
        decent = given is not None and 0 < len(given) <= LONGEST_ID and given.isascii() and given.isprintable()
        request.ctx.id = given if decent else f"{self._prefix}-{next(self._number):x}"

    def end(self, request: Request, response: BaseHTTPResponse) -> None:
        """Count, time and log the answer."""
        began = getattr(request.ctx, "began", None)
        if began is None:
            return  # refused before it was a request
        seconds = time.perf_counter() - began
        response.headers["X-Request-ID"] = request.ctx.id
        method, status = request.method, response.status
        if request.route is None and method not in METHODS:
            method = "other"
        route = f"/{request.route.path}" if request.route else "unknown"
        counted, timed = self._children.get((method, route, status)) or self._child(method, route, status)
        counted.inc()
        timed.observe(seconds)
        if method not in _QUIET or status >= 500:  # noqa: PLR2004 - an HTTP status
            log.info(
                "request",
                request_id=request.ctx.id,
                method=method,
                path=request.path,
                status=status,
                ms=round(seconds * 1000, 1),
            )

    def _child(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        pair = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
        self._children[method, route, status] = pair
        return pair


def request_id(request: Request) -> str | None:
    """Return the id of a request, if it got far enough to have one."""
    return getattr(request.ctx, "id", None)

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
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

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
        # A child of a metric costs a lookup under a lock: the few there are, are kept.
        self._counted: dict[tuple[str, str, int], Any] = {}
        self._timed: dict[tuple[str, str], Any] = {}

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
        structlog.contextvars.bind_contextvars(request_id=request.ctx.id)

    def end(self, request: Request, response: BaseHTTPResponse) -> None:
        """Count, time and log the answer."""
        began = getattr(request.ctx, "began", None)
        if began is None:
            return  # refused before it was a request
        seconds = time.perf_counter() - began
        response.headers["X-Request-ID"] = request.ctx.id
        method = request.method if request.method in _METHODS else "other"
        route = f"/{request.route.path}" if request.route else "unknown"
        self._count(method, route, response.status, seconds)
        level = log.debug if method in _QUIET and response.status < 500 else log.info  # noqa: PLR2004 - an HTTP status
        level("request", method=method, path=request.path, status=response.status, ms=round(seconds * 1000, 1))

    def _count(self, method: str, route: str, status: int, seconds: float) -> None:
        counted = self._counted.get((method, route, status))
        if counted is None:
            counted = self._counted[method, route, status] = self._requests.labels(method, route, str(status))
        counted.inc()
        timed = self._timed.get((method, route))
        if timed is None:
            timed = self._timed[method, route] = self._seconds.labels(method, route)
        timed.observe(seconds)

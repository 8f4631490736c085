"""`/healthz`, `/readyz` and `/metrics` over HTTP."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Check = Callable[[], str | None]
"""Returns what is wrong, or None."""


def probes(registry: CollectorRegistry, *, healthy: Check, ready: Check) -> web.Application:
    """Return an application that answers 200, or 503 with what is wrong."""

    def answer(check: Check) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(_: web.Request) -> web.StreamResponse:
            fault = check()
            return web.Response(text=f"{fault or 'ok'}\n", status=503 if fault else 200)

        return handler

    async def metrics(_: web.Request) -> web.StreamResponse:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/healthz", answer(healthy))
    application.router.add_get("/readyz", answer(ready))
    application.router.add_get("/metrics", metrics)
    return application


class PortTakenError(Exception):
    """The probes' port can't be had."""


async def serve(application: web.Application, host: str, port: int) -> web.AppRunner:
    """Start serving; the caller closes the runner. Raises `PortTakenError`."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortTakenError(
            f"can't serve probes at {host}:{port} ({error.strerror}): set PICSHAPES_PROBE_PORT to another"
        ) from error
    return runner

"""Answers Kubernetes and Prometheus: `/healthz`, `/readyz`, `/metrics`, from a thread that a load can't block."""

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from picshapes_worker.vitals import Vitals

TEXT: Final = "text/plain; charset=utf-8"
CLIENT_TIMEOUT_S: Final = 5.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class ProbeServer:
    """A small HTTP server; use as a context manager."""

    def __init__(self, address: tuple[str, int], vitals: Vitals, registry: CollectorRegistry) -> None:
        """Listen at once: raises `OSError` when the address is taken."""

        class Handler(BaseHTTPRequestHandler):
            timeout = CLIENT_TIMEOUT_S

            def do_GET(self) -> None:
                """Answer one probe."""
                match self.path.partition("?")[0]:
                    case "/healthz":
                        self._say(vitals.live(), "live", "the engine or the event loop is stuck")
                    case "/readyz":
                        self._say(vitals.ready(), "ready", vitals.lacking())
                    case "/metrics":
                        self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
                    case _:
                        self._answer(HTTPStatus.NOT_FOUND, TEXT, b"not found\n")

            def _say(self, well: bool, yes: str, no: str) -> None:  # noqa: FBT001 - private
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, TEXT, f"{yes if well else no}\n".encode())

            def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: probes come every few seconds."""

        self._server = _Server(address, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

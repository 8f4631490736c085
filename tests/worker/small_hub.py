"""A hub of a few files over real HTTP: the endpoints that huggingface_hub asks, and what can go wrong there."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote, urlsplit

REPO = "painters/small"
REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "model_index.json": b'{"_class_name": "FluxPipeline"}',
    "transformer/config.json": b'{"layers": 2}',
    "transformer/model.safetensors": bytes(range(256)) * 98_304,  # 24 MiB: the library writes 10 at a time
    "README.md": b"# not wanted",
    "whole_model.safetensors": b"not wanted either",
}

HELD_AT_MOST_S = 300.0


def is_large(path: str) -> bool:
    return path.endswith(".safetensors")


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class SmallHub:
    """The server; use as a context manager."""

    def __init__(self) -> None:
        self.refusal: tuple[int, str] | None = None
        """Status and the hub's own error code with which everything is answered."""
        self.token: str | None = None
        """The token that is asked for."""
        self.corrupt: dict[str, int] = {}
        """How often a file is still sent with a wrong byte."""
        self.cut: dict[str, int] = {}
        """How often the connection still breaks in the middle of a file."""
        self.held: dict[str, threading.Event] = {}
        """Files of which only half is sent until the event is set."""
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and range of each request."""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        path = unquote(urlsplit(request.path).path)
        self.asked.append((request.command, path, request.headers.get("Range")))
        if self.refusal is not None:
            return self._refuse(request, *self.refusal)
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._refuse(request, 401, "RepoNotFound")
        if path == f"/api/models/{REPO}/tree/{REVISION}":
            return self._send(request, json.dumps(self._tree()).encode(), {"Content-Type": "application/json"})
        name = path.removeprefix(f"/{REPO}/resolve/{REVISION}/")
        if name not in FILES:
            return self._refuse(request, 404, "RevisionNotFound")
        return self._send_file(request, name, body=body)

    def _tree(self) -> list[dict[str, object]]:
        tree: list[dict[str, object]] = []
        for path, content in FILES.items():
            entry: dict[str, object] = {
                "type": "file",
                "path": path,
                "size": len(content),
                "oid": git_blob(content),
            }
            if is_large(path):
                digest = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
            tree.append(entry)
        return tree

    def _send_file(self, request: BaseHTTPRequestHandler, name: str, *, body: bool) -> None:
        content = FILES[name]
        etag = hashlib.sha256(content).hexdigest() if is_large(name) else git_blob(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        if body and self.corrupt.get(name):
            self.corrupt[name] -= 1
            content = b"X" + content[1:]
        start = int((request.headers.get("Range") or "bytes=0-")[6:].partition("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = body and self.cut.get(name, 0) > 0
        if cut:
            self.cut[name] -= 1
        held = self.held.get(name) if body else None
        self._send(request, content[start:], headers, body=body, status=206 if start else 200, cut=cut, held=held)

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        content: bytes,
        headers: dict[str, str],
        *,
        body: bool = True,
        status: int = 200,
        cut: bool = False,
        held: threading.Event | None = None,
    ) -> None:
        request.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(key, value)
        request.end_headers()
        half = len(content) // 2
        if body:
            request.wfile.write(content[:half])
        if held is not None:
            held.wait(HELD_AT_MOST_S)
        if body and not cut:
            request.wfile.write(content[half:])
        if cut:
            request.close_connection = True

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        self._send(request, b"{}", {"X-Error-Code": code, "X-Error-Message": "refused"}, status=status)

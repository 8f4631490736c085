"""What `picshapes explain` prints."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from picshapes_cli.explain import told
from picshapes_cli.main import app

WAITING: dict[str, Any] = {
    "id": "7f3f1c9e-0000-4000-8000-000000000000",
    "status": "pending",
    "reason": "NoWorkerFits",
    "message": "needs 20.0 GiB and z-image-turbo; 2 workers have the model, the largest has 15.0 GiB",
    "attempt": 2,
    "failures": 1,
    "needs": {"model": "z-image-turbo", "min_vram_mib": 20480},
    "queue": {"position": 3, "length": 17, "estimate": True},
    "workers": {
        "total": 3,
        "could_run": 0,
        "others": [
            {"reason": "TooLittleMemory", "message": "has the model, but too little memory", "count": 2},
            {"reason": "NoModel", "message": "does not have the model", "count": 1},
        ],
    },
    "condition": {"reason": "NoWorkerFits", "since": "2026-01-01T12:00:00.000Z", "age_s": 12},
}


def test_a_waiting_job_is_told_with_its_position_and_the_workers() -> None:
    assert list(told(WAITING)) == [
        (
            "pending (NoWorkerFits): needs 20.0 GiB and z-image-turbo; 2 workers have the model,"
            " the largest has 15.0 GiB"
        ),
        "position   3 of 17 that wait for the same workers (an estimate)",
        "workers    0 of 3 could run it",
        "           2 have the model, but too little memory",
        "           1 does not have the model",
        "attempts   2, 1 lost with their workers",
        "operator   said NoWorkerFits 12 s ago",
    ]


def test_of_a_waiting_job_it_is_told_that_the_operator_has_not_spoken() -> None:
    unspoken = {key: value for key, value in WAITING.items() if key != "condition"}
    assert list(told(unspoken))[-1] == "operator   has not said yet why it waits"


def test_an_ended_job_is_told_in_one_line() -> None:
    ended = {"status": "failed", "reason": "Cancelled", "message": "The job was cancelled.", "attempt": 0}
    assert list(told(ended | {"failures": 0})) == ["failed (Cancelled): The job was cancelled."]


@pytest.fixture
def api_url() -> Iterator[str]:
    """A server that knows one job."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == f"/api/v1/jobs/{WAITING['id']}/explain"
            body = json.dumps(WAITING if known else {"error": "Job not found", "code": "JOB_NOT_FOUND"}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_json_is_the_apis_own_answer(api_url: str) -> None:
    shown = CliRunner().invoke(app, ["explain", WAITING["id"], "--url", api_url, "--key", "uk_x", "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, WAITING)


def test_an_unknown_job_is_one_sentence_and_a_failure(api_url: str) -> None:
    shown = CliRunner().invoke(app, ["explain", "nothing", "--url", api_url, "--key", "uk_x"])
    assert shown.exit_code == 1
    assert "Job not found" in shown.output

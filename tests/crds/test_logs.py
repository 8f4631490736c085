"""What the logs say of an exception, and what they keep to themselves."""

import subprocess
import sys

import pytest

PROGRAM = """
import structlog
from picshapes_crds import logs
logs.configure("api", form={form!r})
def handle(api_key):
    raise ValueError("no")
try:
    handle("uk_" + "secret")
except ValueError:
    structlog.get_logger("t").exception("request.failed", job="j1")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_names_the_error_and_shows_no_local_variable(form: str) -> None:
    argv = [sys.executable, "-c", PROGRAM.format(form=form)]
    run = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert "request.failed" in run.stderr
    assert "ValueError" in run.stderr
    assert "uk_secret" not in run.stderr


HOSTILE = r"""
import structlog, logging
from picshapes_crds import logs
logs.configure("api", form={form!r})
BAD = "\x1b[31mred\r\n2026-01-01T00:00:00.000000Z [info] forged\x0b\x0c\x85\u2028\u2029\u202e\x00"
structlog.get_logger("t").info("job.refused", error=BAD, nested=[BAD])
logging.getLogger("sanic").warning("GET /%s", BAD)
try:
    raise ValueError(BAD)
except ValueError:
    structlog.get_logger("t").exception("request.failed")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_users_wrote_neither_begins_a_line_nor_reaches_the_terminal(form: str) -> None:
    argv = [sys.executable, "-c", HOSTILE.format(form=form)]
    run = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    lines = run.stderr.decode().splitlines()
    begun = [line for line in lines if not line.startswith("    ")]
    assert [word for line in begun for word in ("job.refused", "GET /", "request.failed") if word in line] == [
        "job.refused",
        "GET /",
        "request.failed",
    ]
    assert len(begun) == 3
    assert all(line.isprintable() for line in lines)

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

"""Errors as a person sees them: each known one as one message, a bug as what it is."""

import pytest
import typer

from picshapes_cli.shown import errors_shown
from picshapes_cli.up.errors import PortTakenError


def test_a_known_error_is_one_line_on_stderr_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, errors_shown():
        raise PortTakenError("port 80 can't be used [red](Permission denied)")

    assert left.value.exit_code == 1
    assert capsys.readouterr() == ("", "picshapes: port 80 can't be used [red](Permission denied)\n")


def test_each_error_of_a_group_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    inner = ExceptionGroup("inner", [OSError("the disk is full")])
    with pytest.raises(typer.Exit), errors_shown():
        raise ExceptionGroup("outer", [PortTakenError("port 80 is taken"), inner])

    assert capsys.readouterr().err == "picshapes: port 80 is taken\npicshapes: the disk is full\n"


def test_a_bug_rises_alone_or_in_a_group() -> None:
    with pytest.raises(ZeroDivisionError), errors_shown():
        raise ZeroDivisionError
    with pytest.raises(ExceptionGroup), errors_shown():
        raise ExceptionGroup("outer", [OSError("the disk is full"), ZeroDivisionError()])

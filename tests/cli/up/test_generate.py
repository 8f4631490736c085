"""`picshapes generate` against an API that answers what the test tells it to."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from picshapes_cli.api_client import Access, ApiClient, ApiError
from picshapes_cli.generate import find_access, generate

HERE = Access("http://127.0.0.1:9", "uk_key")
"""Nothing listens on the discard port."""


def test_options_go_before_the_environment_and_both_before_the_ready_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "picshapes").mkdir()
    ready = '{"api_url": "http://ready", "api_key": "uk_ready"}'
    (tmp_path / "picshapes" / "ready.json").write_text(ready)
    environment = {"PICSHAPES_URL": "http://environment", "PICSHAPES_API_KEY": "uk_environment"}

    option = Access("http://option", "uk_option")
    assert find_access("http://option", "uk_option", environment=environment) == option
    assert find_access(None, None, environment=environment) == Access("http://environment", "uk_environment")
    assert find_access(None, None, environment={}) == Access("http://ready", "uk_ready")


def test_with_no_api_in_sight_it_says_how_to_name_or_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    with pytest.raises(ApiError, match="or start one: picshapes up") as refused:
        find_access(None, None, environment={})
    assert refused.value.code == "NO_API"


def test_an_api_that_does_not_answer_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    shown = Console(file=io.StringIO())

    with pytest.raises(ApiError, match=r"no answer from http://127\.0\.0\.1:9") as refused:
        generate(HERE, {"prompt": "a red circle"}, tmp_path / "picture.png", shown, 1)
    assert refused.value.code == "NO_ANSWER"
    assert list(tmp_path.iterdir()) == []
    assert isinstance(shown.file, io.StringIO)
    assert shown.file.getvalue() == ""


def test_a_client_that_is_closed_lets_go_of_its_connections() -> None:
    with ApiClient(HERE) as api:
        http = api._http
    assert http.is_closed

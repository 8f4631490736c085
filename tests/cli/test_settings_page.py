"""docs/settings.md says what the parts' settings say."""

from pathlib import Path
from typing import Literal

import pytest
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from picshapes_cli import settings_page

ROOT = Path(__file__).parents[2]


class Example(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    port: int = Field(8080, ge=0, le=65535, description="Where it listens.")
    database_url: SecretStr = Field(validation_alias=AliasChoices("DATABASE_URL"), description="What it keeps.")
    mode: Literal["slow", "fast"] | None = Field(None, description="How | why.")
    wait_s: float = Field(1.5, gt=0, description="Seconds that it waits.")
    keep: bool = Field(default=True, description="Whether it keeps.")


def test_each_setting_is_a_row_with_its_variable_its_bounds_and_its_default() -> None:
    assert settings_page.table(Example).splitlines() == [
        "| variable | what it says | values | default |",
        "| --- | --- | --- | --- |",
        "| `EXAMPLE_PORT` | Where it listens. | integer, ≥ 0, ≤ 65,535 | `8080` |",
        "| `DATABASE_URL` | What it keeps. | URL, secret | (required) |",
        "| `EXAMPLE_MODE` | How \\| why. | `slow`, `fast` |  |",
        "| `EXAMPLE_WAIT_S` | Seconds that it waits. | number, > 0 | `1.5` |",
        "| `EXAMPLE_KEEP` | Whether it keeps. | boolean | `true` |",
    ]


def test_a_setting_without_a_sentence_is_an_error_that_names_it() -> None:
    class Silent(BaseSettings):
        port: int = 1

    with pytest.raises(settings_page.UndescribedSettingError, match=r"test_settings_page: port has no sentence"):
        settings_page.table(Silent)


def test_a_page_without_a_place_for_the_tables_is_an_error() -> None:
    with pytest.raises(settings_page.NoTableError, match="must have a line"):
        settings_page.replaced("# Settings\n", "new")


def test_a_page_that_says_something_else_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "docs" / "settings.md"
    page.parent.mkdir()
    page.write_text(f"before\n{settings_page.BEGIN}\nold\n{settings_page.END}\nafter\n")

    assert settings_page.main(["--check"]) == 1
    assert "not current: docs/settings.md" in capsys.readouterr().err
    assert settings_page.main([]) == 0
    assert settings_page.main(["--check"]) == 0


def test_the_page_in_the_tree_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert settings_page.main(["--check"]) == 0

"""values.yaml, its schema and the README come from one source, with a sentence for each value."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart_source.generate import CHART, main


def test_the_files_in_the_repository_are_current() -> None:
    assert main(["--check"]) == 0


def test_a_file_that_was_edited_by_hand_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "values.yaml").write_text("edited: true\n")
    assert main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "not current: values.yaml; run `make chart`\n"


def test_every_value_has_a_sentence_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    sections = [schema, *schema["$defs"].values()]
    fields = [(name, field) for section in sections for name, field in section.get("properties", {}).items()]
    assert len(fields) > 100

    def sentence(field: dict[str, Any]) -> str:
        """Return a field's own sentence, or its section's where that says the same."""
        section = schema["$defs"].get(field.get("$ref", "").rpartition("/")[2], {})
        return str(field.get("description", section.get("description", "")))

    assert [name for name, field in fields if not sentence(field).endswith(".")] == []


def test_values_yaml_holds_the_defaults_of_every_value_that_the_readme_lists() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = [line for line in (CHART / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    for row in rows:
        path, default = (cell.strip(" `") for cell in row.split(" | ")[:2])
        path = path.removeprefix("| `")
        if path.startswith("workerPools[]"):
            continue
        found = values
        for key in path.split("."):
            found = found[key]
        assert json.dumps(found, ensure_ascii=False) == default.replace("\\|", "|"), path

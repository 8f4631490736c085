"""The generated YAML in the repository is current, and the check can fail."""

from pathlib import Path

import pytest

from picshapes_crds.generate import DEFAULT_DIRECTORY, main
from picshapes_crds.phases import ALLOWED, TERMINAL, Phase, may_follow


def test_the_yaml_in_the_repository_is_current() -> None:
    assert main(["--check", str(DEFAULT_DIRECTORY)]) == 0


def test_a_file_that_was_edited_by_hand_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "generationjobs.yaml").write_text("edited: true\n")
    assert main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "not current: generationjobs.yaml; run `python -m picshapes_crds.generate`\n"
    )


def test_nothing_follows_a_terminal_phase() -> None:
    assert all(not may_follow(old, new) for old in TERMINAL for new in Phase)
    assert set(ALLOWED) == set(Phase)

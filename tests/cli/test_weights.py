"""`picshapes weights` fills a folder from a hub and finds what is wrong with it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.worker.small_hub import REPO, REVISION, SmallHub

from picshapes_crds.catalogue import packaged

FOLDER = "flux-schnell/0123456789ab"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHub]:
    with SmallHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    made = yaml.safe_load(packaged("demo"))
    made["models"]["flux-schnell"]["weights"] = {"repo": REPO, "revision": REVISION}
    file = tmp_path / "catalogue.yaml"
    file.write_text(yaml.safe_dump(made))
    return str(file)


def run(*arguments: str) -> tuple[int, str]:
    """Run the command in a process of its own, as it reads the hub's address when it starts."""
    argv = [sys.executable, "-c", "from picshapes_cli.main import app; app()", "weights", *arguments]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.usefixtures("server")
def test_what_was_pulled_is_verified_and_a_changed_byte_is_found(catalogue: str, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    status, said = run("pull", str(volume), "--catalogue", catalogue)
    assert (status, "flux-schnell: whole" in said) == (0, True)
    assert run("verify", str(volume), "--catalogue", catalogue)[0] == 0

    (volume / FOLDER / "transformer" / "config.json").write_text('{"layers": 3}')
    status, said = run("verify", str(volume), "--catalogue", catalogue)
    assert status == 1
    assert "transformer/config.json is corrupt: its SHA-256 is" in said
    assert "model.safetensors" not in said


def test_an_empty_folder_is_not_whole(catalogue: str, tmp_path: Path) -> None:
    status, said = run("verify", str(tmp_path / "volume"), "--catalogue", catalogue)

    assert status == 1
    assert "fill it with `picshapes weights pull" in said


def test_a_hub_that_refuses_is_told_in_one_sentence(server: SmallHub, catalogue: str, tmp_path: Path) -> None:
    server.refusal = (403, "GatedRepo")
    status, said = run("pull", str(tmp_path / "volume"), "--catalogue", catalogue)

    assert status == 1
    assert "is gated: accept its terms there" in said
    assert "Traceback" not in said


def test_a_catalogue_without_a_hub_has_nothing_to_pull(tmp_path: Path) -> None:
    said = run("pull", str(tmp_path), "--catalogue", "demo")[1]
    assert "no model of the catalogue demo comes from a hub" in said


@pytest.mark.parametrize("command", ["pull", "verify"])
@pytest.mark.parametrize("missing", ["picshapes_worker", "huggingface_hub"])
def test_without_the_workers_packages_it_says_where_to_run_it(tmp_path: Path, command: str, missing: str) -> None:
    program = f"import sys; sys.modules['{missing}'] = None; from picshapes_cli.main import app; app()"
    argv = [sys.executable, "-c", program, "weights", command, str(tmp_path)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)

    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == 1
    assert f"this installation has no {missing}" in said
    assert "run the command in the worker's image" in said
    assert "Traceback" not in said

"""Settings come from the environment; wrong ones are named in one sentence."""

import io

import pytest

from picshapes_worker.main import main
from picshapes_worker.settings import InvalidSettingsError, Settings


@pytest.fixture(autouse=True)
def needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSHAPES_POD_NAME", "w-0")
    monkeypatch.setenv("PICSHAPES_STORAGE_URL", "file:///pictures")


def test_a_pod_name_and_a_storage_url_are_enough() -> None:
    settings = Settings.from_environment()

    assert settings.pod_name == "w-0"
    assert settings.namespace == "picshapes"
    assert settings.engine == "diffusers"
    assert settings.models == ()
    assert (settings.probe_host, settings.probe_port) == ("127.0.0.1", 8081)
    assert settings.vram_mib is None


def test_models_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICSHAPES_MODELS", "flux-schnell, z-image-turbo,")

    assert Settings.from_environment().models == ("flux-schnell", "z-image-turbo")


def test_all_faults_are_named_by_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PICSHAPES_POD_NAME")
    monkeypatch.setenv("PICSHAPES_ENGINE", "steam")

    with pytest.raises(InvalidSettingsError, match=r"PICSHAPES_POD_NAME: .*; PICSHAPES_ENGINE: "):
        Settings.from_environment()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PICSHAPES_PROBE_PORT", "x", "wrong settings: PICSHAPES_PROBE_PORT: "),
        ("PICSHAPES_CATALOGUE", "/nowhere", "can't read the catalogue /nowhere: No such file or directory"),
        ("PICSHAPES_STORAGE_URL", "ftp://pictures", "can't use the storage URL ftp://pictures: "),
        (
            "PICSHAPES_MODELS",
            "sdxl",
            "PICSHAPES_MODELS names sdxl, but the catalogue has only flux-schnell, z-image-turbo",
        ),
    ],
)
def test_wrong_settings_end_the_program_with_2_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = io.StringIO()

    assert main(said) == 2
    assert said.getvalue().startswith(f"picshapes_worker: {sentence}")
    assert said.getvalue().count("\n") == 1

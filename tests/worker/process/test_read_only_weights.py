"""Weights on a volume that nobody may write to, as a claim that was filled elsewhere or an image gives them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.worker.process.conftest import Station
from tests.worker.small_hub import REPO, REVISION

from picshapes_crds.catalogue import packaged
from picshapes_crds.phases import Phase
from picshapes_worker.checksums import sha256_of, write_list

FOLDER = "flux-schnell/0123456789ab"


@pytest.fixture
def volume(random_weights: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder as `picshapes weights pull` leaves it, which can only be read."""
    filled = tmp_path / "volume"
    model = filled / FOLDER
    shutil.copytree(random_weights / "flux-schnell", model)
    files = [one for one in model.rglob("*") if one.is_file()]
    write_list(model, {str(one.relative_to(model)): sha256_of(one) for one in files})
    # A superuser may write in spite of all permissions, but may mount; anybody else is bound by them.
    mount = ["mount", "--bind", "-o", "ro", str(filled), str(filled)]
    mounted = subprocess.run(mount, capture_output=True, check=False, timeout=60).returncode == 0
    for one in () if mounted else (*files, *(folder for folder in filled.rglob("*") if folder.is_dir()), filled):
        one.chmod(0o555)
    with pytest.raises(OSError, match=r"Read-only file system|Permission denied"):
        (model / "new").touch()
    yield filled
    if mounted:
        subprocess.run(["umount", "--lazy", str(filled)], check=True, timeout=60)
    else:
        for one in (filled, *filled.rglob("*")):
            one.chmod(0o755)


async def test_a_worker_starts_and_draws_from_a_folder_that_it_may_only_read(
    station: Station, volume: Path, tmp_path: Path
) -> None:
    catalogue = yaml.safe_load(packaged("demo"))
    catalogue["models"]["flux-schnell"]["weights"] = {"repo": REPO, "revision": REVISION}
    file = tmp_path / "from-hub.yaml"
    file.write_text(yaml.safe_dump(catalogue))
    settings = {
        "PICSHAPES_ENGINE": "diffusers",
        "PICSHAPES_CATALOGUE": str(file),
        "PICSHAPES_MODELS": "flux-schnell",
        "PICSHAPES_WEIGHTS_DIR": str(volume),
        "HF_HUB_OFFLINE": "1",
    }
    worker = await station.start("w", settings)
    await station.claim(await station.create("a", width=64, height=64), worker)

    assert (await station.until_ended("a")).status.phase is Phase.COMPLETED
    assert await worker.child.stop() == 0

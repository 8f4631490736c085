"""From prompt to picture: REST, resource, operator, worker with a diffusers pipeline, store, REST."""

import hashlib
import io
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from picshapes_cli.controlplane.binaries import Binaries

from .stack import PICSHAPES, Launcher, Stack

pytestmark = pytest.mark.timeout(600)
"""The stand-in weights are made on the first use."""

TEAM = "team"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Iterator[Stack]:
    """Everything, with one worker that makes pictures, also for the jobs of a team's namespace."""
    assert binaries.kubectl is not None
    launcher = Launcher(tmp_path_factory.mktemp("studio"), binaries.kubectl)
    with launcher.up("--job-namespace", TEAM) as started:
        yield started


def size(picture: bytes) -> tuple[str | None, tuple[int, int]]:
    """Read the whole picture, and return its format and its size."""
    with Image.open(io.BytesIO(picture)) as image:
        image.load()
        return image.format, image.size


def test_a_prompt_posted_becomes_a_png_of_exactly_the_size_asked_for(studio: Stack) -> None:
    submitted = studio.submit(prompt="a blue star", model="flux-schnell", width=200, height=136, seed=42)
    assert (submitted["status"], submitted["seed"]) == ("pending", 42)
    job = studio.until_job(submitted["id"], "completed", "failed")
    resource = studio.kubectl.read("gj", job["id"])["status"]

    assert (job["status"], job["width"], job["height"], job["steps"]) == ("completed", 200, 136, 4)
    assert job["result_url"] == f"{studio.ready['api_url']}/results/{job['id']}.png"
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    assert "error_msg" not in job
    with studio.api() as api:
        answer = api.get(f"/api/v1/jobs/{job['id']}/result")
        assert (answer.status_code, answer.json()) == (200, {"result_url": job["result_url"]})
        picture = api.get(job["result_url"])
    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
    assert size(picture.content) == ("PNG", (200, 136))
    sha256 = hashlib.sha256(picture.content).hexdigest()
    assert picture.headers["ETag"] == f'"{sha256}"'
    result = resource["result"]
    assert result.pop("device")
    assert result == {
        "key": f"{job['id']}/1.png",
        "sha256": sha256,
        "bytes": len(picture.content),
        "contentType": "image/png",
    }
    assert resource["resultURL"] == job["result_url"]
    assert (studio.folder / "results" / job["id"] / "1.png").read_bytes() == picture.content


@pytest.mark.parametrize("model", ["z-image-turbo", "flux-schnell"])
def test_the_same_seed_gives_the_same_picture_and_another_one_another(studio: Stack, model: str) -> None:
    def picture_of(seed: int) -> str:
        made = studio.submit(model=model, width=128, height=128, seed=seed)["id"]
        assert studio.until_job(made, "completed", "failed")["status"] == "completed"
        digest: str = studio.kubectl.read("gj", made)["status"]["result"]["sha256"]
        return digest

    first = picture_of(1)
    assert picture_of(1) == first
    assert picture_of(2) != first


def test_generate_writes_the_picture_to_a_file(studio: Stack, tmp_path: Path) -> None:
    options = ["--url", studio.ready["api_url"], "--key", studio.ready["api_key"]]
    size_asked = ["--width", "320", "--height", "256", "--seed", "3"]
    argv: list[str | Path] = [PICSHAPES, "generate", "a green heart", "-o", "heart.png", *size_asked, *options]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"320 by 256 px, z-image-turbo, seed 3: {tmp_path / 'heart.png'}" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["heart.png"]
    assert size((tmp_path / "heart.png").read_bytes()) == ("PNG", (320, 256))


def test_a_jpeg_asked_for_with_kubectl_is_one(studio: Stack) -> None:
    studio.kubectl.apply("jpeg", outputFormat="jpeg", width=128, height=128)
    uid = studio.kubectl.finished("jpeg")["metadata"]["uid"]
    job = studio.until_job(uid, "completed")

    with studio.api() as api:
        picture = api.get(job["result_url"])
    assert re.fullmatch(r"http://.*/results/[0-9a-f-]{36}\.jpe?g", job["result_url"])
    assert (picture.headers["Content-Type"], size(picture.content)) == ("image/jpeg", ("JPEG", (128, 128)))


def test_a_job_in_a_teams_namespace_gets_a_picture_of_its_own_under_a_name_that_another_has(studio: Stack) -> None:
    team = studio.kubectl.elsewhere(TEAM)
    here, there = {"width": 128, "height": 128, "seed": 1}, {"width": 192, "height": 128, "seed": 2}
    studio.kubectl.apply("same-name", **here)
    team.apply("same-name", **there)
    ours, theirs = studio.kubectl.finished("same-name"), team.finished("same-name")

    for job, asked in ((ours, here), (theirs, there)):
        uid, status = job["metadata"]["uid"], job["status"]
        shown = studio.until_job(uid, "completed")
        assert (shown["result_url"], shown["seed"]) == (status["resultURL"], asked["seed"])
        with studio.api() as api:
            picture = api.get(shown["result_url"]).content
        assert size(picture) == ("PNG", (asked["width"], asked["height"]))
        assert status["result"]["sha256"] == hashlib.sha256(picture).hexdigest()
    listed = team("get", "generationjobs", "--no-headers").splitlines()
    assert [line.split()[0] for line in listed] == ["same-name"]


def test_a_running_pipeline_stops_when_the_job_is_cancelled(studio: Stack) -> None:
    studio.kubectl.apply("long", steps=100)
    studio.kubectl.processing("long")
    studio.kubectl("patch", "gj", "long", "--type=merge", "-p", '{"spec": {"cancelRequested": true}}')
    status = studio.kubectl.finished("long")["status"]

    assert (status["phase"], status["conditions"][0]["reason"]) == ("Failed", "Cancelled")
    assert int(status["progress"].removesuffix("/100")) < 100
    assert studio.until_job(studio.kubectl.read("gj", "long")["metadata"]["uid"], "failed")["error_msg"]


def test_demo_draws_1024_by_1024_pixels_and_leaves_nothing_but_the_picture(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    folder = tmp_path / "cwd"
    folder.mkdir()
    argv: list[str | Path] = [PICSHAPES, "demo", "a yellow circle", "-o", "circle.png"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search(rf"1024 by 1024 px, z-image-turbo, seed \d+: {folder / 'circle.png'}", done.stderr)
    assert [path.name for path in folder.iterdir()] == ["circle.png"]
    assert size((folder / "circle.png").read_bytes()) == ("PNG", (1024, 1024))
    assert list(temporary.iterdir()) == []

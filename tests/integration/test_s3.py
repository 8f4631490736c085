"""From prompt to picture with a real S3 server: the worker's process writes to it, the API's reads from it."""

import hashlib
import io
from collections.abc import Iterator

import pytest
from PIL import Image

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.objectstore.server import ObjectStore

from .stack import Launcher, Stack, until

PREFIX = "studio"


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries, s3: ObjectStore) -> Iterator[Stack]:
    """Everything, with one worker that makes pictures, and pictures in a bucket."""
    assert binaries.kubectl is not None
    launcher = Launcher(tmp_path_factory.mktemp("on-s3"), binaries.kubectl)
    with launcher.up("--storage-url", f"{s3.url}/{PREFIX}", settings=s3.environment) as started:
        yield started


@pytest.mark.timeout(600)  # the weights are loaded by a worker that shares the machine
def test_a_prompt_posted_becomes_an_object_that_the_result_url_leads_to(on_s3: Stack, s3: ObjectStore) -> None:
    made = on_s3.submit(prompt="a blue star", model="flux-schnell", width=200, height=136, seed=42)
    job = on_s3.until_job(made["id"], "completed", "failed")
    status = on_s3.kubectl.read("gj", job["id"])["status"]

    assert job["status"] == "completed", job
    assert job["result_url"] == status["resultURL"] == f"{on_s3.ready['api_url']}/results/{job['id']}.png"
    with on_s3.api() as api:
        picture = api.get(job["result_url"])
        part = api.get(job["result_url"], headers={"Range": "bytes=0-7"})
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.format, image.size) == ("PNG", (200, 136))
    assert (part.status_code, part.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert status["result"]["key"] == f"{job['id']}/1.png"
    assert hashlib.sha256(picture.content).hexdigest() == status["result"]["sha256"]
    assert (s3.folder / PREFIX / job["id"] / "1.png").read_bytes() == picture.content
    assert on_s3.pictures(job["id"]) == []


def test_a_job_waits_for_a_bucket_that_is_away_and_ends_on_its_first_attempt(
    on_s3: Stack, s3: ObjectStore
) -> None:
    log = on_s3.folder / "logs" / "worker-0.log"
    elsewhere = s3.folder.rename(s3.folder.with_name("elsewhere"))
    try:
        made = on_s3.submit(prompt="a red circle", model="flux-schnell", width=128, height=128, seed=1)
        until(lambda: f"{made['id']}/1.png" in log.read_text(), "an upload that is tried again")
        job = on_s3.job(made["id"])
    finally:
        elsewhere.rename(s3.folder)
    assert job is not None
    assert job["status"] in ("claimed", "processing")  # a quick job does not tell its progress
    done = on_s3.until_job(made["id"], "completed", "failed")
    status = on_s3.kubectl.read("gj", made["id"])["status"]

    assert (done["status"], status["attempt"], status.get("failures", 0)) == ("completed", 1, 0)
    assert (s3.folder / PREFIX / made["id"] / "1.png").stat().st_size == status["result"]["bytes"]

"""What people see of a worker process that is not Ready yet: its Lease, its probe, its log."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.worker.process.conftest import Station
from tests.worker.small_hub import REPO, REVISION, SmallHub

from picshapes_cli.objectstore.server import ObjectStore
from picshapes_crds.catalogue import packaged
from picshapes_crds.cluster import PODS, Json
from picshapes_crds.names import LOADING_ANNOTATION
from picshapes_crds.workers import read_lease, read_pod

LARGE = "transformer/model.safetensors"


def entries(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def said(lease: Json) -> str:
    return str(lease["metadata"]["annotations"].get(LOADING_ANNOTATION, ""))


@pytest.fixture
def stalled() -> Iterator[SmallHub]:
    """A hub that sends half of a model, and the rest at the end of the test."""
    with SmallHub() as hub:
        hub.held[LARGE] = threading.Event()
        yield hub
        hub.held[LARGE].set()


@pytest.fixture
def from_hub(tmp_path: Path) -> str:
    """A catalogue of which one model lies on the hub."""
    catalogue = yaml.safe_load(packaged("demo"))
    catalogue["models"]["flux-schnell"]["weights"] = {"repo": REPO, "revision": REVISION}
    file = tmp_path / "from-hub.yaml"
    file.write_text(yaml.safe_dump(catalogue))
    return str(file)


async def test_a_pull_is_seen_on_the_lease_in_the_probe_the_metrics_and_the_log(
    station: Station, stalled: SmallHub, from_hub: str, tmp_path: Path
) -> None:
    settings = {
        "PICSHAPES_ENGINE": "diffusers",
        "PICSHAPES_CATALOGUE": from_hub,
        "PICSHAPES_MODELS": "flux-schnell",
        "PICSHAPES_WEIGHTS_DIR": str(tmp_path / "weights"),
        "HF_ENDPOINT": stalled.url,
        "HF_TOKEN_PATH": str(tmp_path / "no-token"),
    }
    worker = await station.start("w", settings, ready=False)
    lease = await station.until_lease(worker, lambda one: said(one).startswith("flux-schnell pulling 4"))

    assert len(read_lease(lease).worker_id) == 32
    unready = await worker.probe("/readyz")
    assert unready.status_code == 503
    assert f"models are loading: {said(lease)}" in unready.text
    metrics = (await worker.probe("/metrics")).text
    assert 'picshapes_worker_model_preparing{model="flux-schnell"} 1.0' in metrics
    assert 'picshapes_worker_weights_arrived_ratio{model="flux-schnell"} 0.4' in metrics
    assert "weights.arriving" in worker.child.log.tail(100)
    assert read_pod(await station.cluster.get(PODS, station.namespace, "w")).vram_mib is None
    assert await worker.child.stop() == 0


async def test_a_ready_worker_says_nothing_more_on_its_lease(station: Station, demo_catalogue: str) -> None:
    settings = {"PICSHAPES_ENGINE": "diffusers", "PICSHAPES_CATALOGUE": demo_catalogue}
    worker = await station.start("w", settings, ready=False)
    await worker.until_answers("/readyz")
    lease = await station.until_lease(
        worker, lambda one: read_lease(one).loaded == {"flux-schnell", "z-image-turbo"} and not said(one)
    )

    assert LOADING_ANNOTATION not in lease["metadata"]["annotations"]


async def test_a_worker_whose_bucket_is_missing_says_so_and_is_ready_once_it_is_there(
    station: Station, s3: ObjectStore
) -> None:
    bucket = f"late-{station.namespace}"
    settings = s3.environment | {"PICSHAPES_STORAGE_URL": f"s3://{bucket}"}
    worker = await station.start("w", settings, ready=False)
    sentence = f"the store s3://{bucket} has no such bucket: create it, or correct PICSHAPES_STORAGE_URL"
    await station.until_lease(worker, lambda one: said(one) == sentence)

    assert sentence in (await worker.probe("/readyz")).text
    assert sentence in worker.child.log.tail(100)
    assert read_pod(await station.cluster.get(PODS, station.namespace, "w")).vram_mib is None

    s3.folder.with_name(bucket).mkdir()
    await worker.until_answers("/readyz")
    assert said(await station.until_lease(worker, lambda one: not said(one))) == ""
    assert "worker-trials" not in entries(s3.folder.with_name(bucket))

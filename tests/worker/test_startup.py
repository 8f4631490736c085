"""What a worker does before it may be given jobs."""

import random

import pytest
from prometheus_client import CollectorRegistry
from tests.worker.memory import Fault, HandClock, MemoryCluster

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import UnavailableError
from picshapes_crds.workers import read_pod
from picshapes_worker.device import Device
from picshapes_worker.engine import ModelUnavailableError
from picshapes_worker.engine_host import InlineHost
from picshapes_worker.engines.null import NullEngine
from picshapes_worker.metrics import Metrics
from picshapes_worker.patience import Patience
from picshapes_worker.preparing import Preparing
from picshapes_worker.startup import (
    StartupError,
    chosen_models,
    find_weights,
    label_pod,
    own_pod,
    pod_labels,
    serveable,
    warm_up,
)
from picshapes_worker.vitals import Budgets, Vitals

CATALOGUE, REAL = Catalogue.load("demo"), Catalogue.load("real")
FLUX_REVISION = CATALOGUE.models["flux-schnell"].weights.revision_id
POD = {"metadata": {"name": "w", "namespace": "n", "uid": "uid-w", "labels": {"team": "red"}}}


@pytest.fixture
def patience(clock: HandClock) -> Patience:
    return Patience(60, clock, random.Random(0))


def test_all_models_of_the_catalogue_are_served_unless_some_are_named() -> None:
    assert chosen_models((), CATALOGUE) == ["z-image-turbo", "flux-schnell"]
    assert chosen_models(("flux-schnell",), CATALOGUE) == ["flux-schnell"]


@pytest.fixture
def told() -> list[str]:
    """What the Lease was told of the preparations."""
    return []


@pytest.fixture
def preparing(clock: HandClock, told: list[str]) -> Preparing:
    return Preparing(Vitals(clock, Budgets(1800, 300)), Metrics(CollectorRegistry()), told.append)


async def test_models_that_fit_together_are_loaded(preparing: Preparing, told: list[str]) -> None:
    host = InlineHost(NullEngine())
    await warm_up(host, ["z-image-turbo", "flux-schnell"], CATALOGUE, Device("cpu", "", 512), preparing)

    assert host.loaded() == {"z-image-turbo", "flux-schnell"}
    assert told == [
        "flux-schnell loading",
        "flux-schnell warming up",
        "z-image-turbo loading",
        "z-image-turbo warming up",
        "",
    ]


def test_missing_weights_are_found_missing_before_anything_is_loaded() -> None:
    lost = CATALOGUE.models["flux-schnell"].model_copy(
        update={"weights": CATALOGUE.models["flux-schnell"].weights.model_copy(update={"path": "nowhere"})}
    )
    catalogue = CATALOGUE.model_copy(update={"models": {**CATALOGUE.models, "flux-schnell": lost}})

    with pytest.raises(ModelUnavailableError, match=r"the weights of flux-schnell are missing: .*/nowhere"):
        find_weights(["flux-schnell"], catalogue)


async def test_a_model_that_does_not_fit_beside_the_first_is_not_loaded(preparing: Preparing) -> None:
    host = InlineHost(NullEngine())
    await warm_up(host, ["z-image-turbo", "flux-schnell"], CATALOGUE, Device("cpu", "", 300), preparing)

    assert host.loaded() == {"z-image-turbo"}


async def test_the_pod_says_what_was_measured_and_loaded(memory: MemoryCluster, patience: Patience) -> None:
    memory.put("pods", POD)
    pod = await own_pod(memory, "n", "w", patience)
    await label_pod(memory, pod, pod_labels(pod, 23_034, ["flux-schnell"], CATALOGUE), patience)

    assert memory.objects["pods", "n", "w"]["metadata"]["labels"] == {
        "team": "red",
        "picshapes.io/vram-mib": "23034",
        "picshapes.io/catalogue-profile": "demo",
        "model.picshapes.io/flux-schnell": "true",
        "weights.picshapes.io/flux-schnell": FLUX_REVISION,
    }


async def test_labels_of_models_that_are_no_longer_served_go(memory: MemoryCluster, patience: Patience) -> None:
    first = pod_labels(read_pod(memory.put("pods", POD)), 23_034, ["flux-schnell", "z-image-turbo"], CATALOGUE)
    memory.put("pods", {"metadata": POD["metadata"] | {"labels": first}})
    pod = await own_pod(memory, "n", "w", patience)
    await label_pod(memory, pod, pod_labels(pod, 23_034, ["z-image-turbo"], CATALOGUE), patience)

    labels = memory.objects["pods", "n", "w"]["metadata"]["labels"]
    assert "model.picshapes.io/z-image-turbo" in labels
    assert "model.picshapes.io/flux-schnell" not in labels
    assert "weights.picshapes.io/flux-schnell" not in labels


async def test_a_pod_that_is_not_there_is_named(memory: MemoryCluster, patience: Patience) -> None:
    with pytest.raises(StartupError, match="there is no pod w in the namespace n: PICSHAPES_POD_NAME and"):
        await own_pod(memory, "n", "w", patience)


async def test_an_api_server_that_is_away_is_waited_for(
    memory: MemoryCluster, patience: Patience, clock: HandClock
) -> None:
    memory.put("pods", POD)
    memory.faults["get"] = [Fault(UnavailableError("no answer"))] * 5

    assert (await own_pod(memory, "n", "w", patience)).uid == "uid-w"
    assert clock.passed_s > 1


async def test_an_api_server_that_stays_away_is_not_waited_for_for_ever(
    memory: MemoryCluster, patience: Patience, clock: HandClock
) -> None:
    memory.faults["get"] = [Fault(UnavailableError("no answer"))] * 99

    with pytest.raises(UnavailableError):
        await own_pod(memory, "n", "w", patience)
    assert clock.passed_s <= 60


def test_a_card_that_is_too_small_for_a_named_model_ends_the_worker_and_says_what_to_do() -> None:
    with pytest.raises(
        StartupError,
        match=r"the device has 23\.5 GiB of memory, but flux-schnell needs at least 32\.2 GiB: use a larger card",
    ):
        serveable(["flux-schnell"], REAL, 24_064, named=True)


def test_of_all_models_of_the_catalogue_only_those_that_fit_are_served() -> None:
    assert serveable(["z-image-turbo", "flux-schnell"], REAL, 24_064, named=False) == ["z-image-turbo"]
    with pytest.raises(StartupError, match="z-image-turbo needs at least 19"):
        serveable(["z-image-turbo", "flux-schnell"], REAL, 15_360, named=False)

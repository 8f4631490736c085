"""The real pipelines, with tiny random weights, on a CPU."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from picshapes_crds.catalogue import Catalogue, Model, Weights
from picshapes_worker.device import Device
from picshapes_worker.engine import (
    DeviceFailedError,
    DeviceOutOfMemoryError,
    InvalidOutputError,
    ModelUnavailableError,
    Request,
)
from picshapes_worker.engines.diffusers import DiffusersEngine

CPU = Device("cpu", "test", 16_384)
DEMO = Catalogue.load("demo").models


def on_disk(weights: Path) -> dict[str, Model]:
    return {
        name: model.model_copy(update={"weights": Weights(path=str(weights / name))})
        for name, model in DEMO.items()
    }


@pytest.fixture(scope="module")
def engine(random_weights: Path) -> DiffusersEngine:
    made = DiffusersEngine(on_disk(random_weights), CPU)
    for model in DEMO:
        made.load(model)
    return made


def request(
    model: str, *, negative: str | None = None, size: tuple[int, int] = (256, 256), seed: int = 7
) -> Request:
    return Request(model, "a circle", negative, *size, steps=3, seed=seed)


def draw(engine: DiffusersEngine, asked: Request) -> Image.Image:
    return engine.generate(asked, lambda _: None).image


@pytest.mark.parametrize("model", sorted(DEMO))
@pytest.mark.parametrize("size", [(256, 256), (300, 200), (64, 64)])
def test_a_picture_has_exactly_the_size_asked_for(
    engine: DiffusersEngine, model: str, size: tuple[int, int]
) -> None:
    picture = draw(engine, request(model, size=size))

    assert picture.size == size
    assert picture.mode == "RGB"


@pytest.mark.parametrize("model", sorted(DEMO))
def test_a_seed_gives_the_same_picture_twice_and_another_seed_another(engine: DiffusersEngine, model: str) -> None:
    first, again, other = (np.asarray(draw(engine, request(model, seed=seed))) for seed in (7, 7, 2**53 - 1))

    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("model", sorted(DEMO))
def test_a_negative_prompt_changes_the_picture(engine: DiffusersEngine, model: str) -> None:
    plain, negative = (np.asarray(draw(engine, request(model, negative=text))) for text in (None, "blue"))

    assert (plain != negative).any()


@pytest.mark.parametrize("model", sorted(DEMO))
def test_every_step_is_told_from_the_one_before_the_first(engine: DiffusersEngine, model: str) -> None:
    told: list[int] = []
    engine.generate(request(model), told.append)

    assert told == [0, 1, 2, 3]


class StoppedByTestError(Exception):
    pass


@pytest.mark.parametrize("model", sorted(DEMO))
@pytest.mark.parametrize("at", [0, 2])
def test_what_a_step_raises_stops_the_generation_there(engine: DiffusersEngine, model: str, at: int) -> None:
    told: list[int] = []

    def on_step(done: int) -> None:
        told.append(done)
        if done == at:
            raise StoppedByTestError

    with pytest.raises(StoppedByTestError):
        engine.generate(request(model), on_step)
    assert told == list(range(at + 1))
    assert draw(engine, request(model)).size == (256, 256)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate")],
)
def test_memory_that_runs_out_is_told_by_its_own_error_which_keeps_no_frames(
    engine: DiffusersEngine, error: Exception
) -> None:
    def on_step(done: int) -> None:
        if done == 1:
            raise error

    with pytest.raises(DeviceOutOfMemoryError) as caught:
        engine.generate(request("flux-schnell"), on_step)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_device_that_fails_is_told_by_its_own_error(engine: DiffusersEngine) -> None:
    def on_step(done: int) -> None:
        if done == 1:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceFailedError, match="only a new process can use it: CUDA error: an illegal"):
        engine.generate(request("flux-schnell"), on_step)


@pytest.mark.parametrize("model", sorted(DEMO))
def test_weights_that_give_no_numbers_give_no_picture(random_weights: Path, model: str) -> None:
    spoilt = DiffusersEngine(on_disk(random_weights), CPU)
    spoilt.load(model)
    with torch.no_grad():
        next(iter(spoilt._pipelines[model].transformer.parameters())).fill_(float("nan"))

    with pytest.raises(InvalidOutputError, match="values are not finite"):
        draw(spoilt, request(model))


def test_the_least_recently_used_model_makes_room(random_weights: Path) -> None:
    engine = DiffusersEngine(on_disk(random_weights), Device("cpu", "test", 700))
    engine.load("flux-schnell")
    assert engine.loaded() == {"flux-schnell"}
    engine.load("z-image-turbo")
    assert engine.loaded() == {"z-image-turbo"}


@pytest.mark.parametrize(
    ("measured_mib", "memory_mib", "stays"),
    [
        (None, 820, False),
        (None, 840, True),
        (200, 780, True),
        (200, 770, False),
        (300, 840, False),
        (300, 880, True),
    ],
)
def test_which_models_stay_is_planned_over_what_they_were_measured_to_take(
    random_weights: Path, measured_mib: int | None, memory_mib: int, *, stays: bool
) -> None:
    """The catalogue says 256 MiB for each, and 320 besides for the pictures of the one that is loaded."""
    counts = iter((0, measured_mib or 0, 0, 0))  # before and after each of the two is loaded
    engine = DiffusersEngine(
        on_disk(random_weights),
        Device("cpu", "test", memory_mib),
        allocated_mib=(lambda: next(counts)) if measured_mib else None,
    )
    engine.load("flux-schnell")
    engine.load("z-image-turbo")

    assert ("flux-schnell" in engine.loaded()) is stays


def test_freeing_keeps_the_weights_of_one_model(random_weights: Path) -> None:
    engine = DiffusersEngine(on_disk(random_weights), CPU)
    engine.load("flux-schnell")
    engine.load("z-image-turbo")
    engine.free(keep="flux-schnell")

    assert engine.loaded() == {"flux-schnell"}


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "flux-schnell"
    with pytest.raises(ModelUnavailableError, match=f"the weights of flux-schnell are missing: .*{folder}"):
        DiffusersEngine(on_disk(tmp_path), CPU).load("flux-schnell")

    folder.mkdir()
    with pytest.raises(ModelUnavailableError, match="holds no weights of flux-schnell: it has no model_index"):
        DiffusersEngine(on_disk(tmp_path), CPU).load("flux-schnell")


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "flux-schnell").mkdir()
    (tmp_path / "flux-schnell" / "model_index.json").write_text("{")

    with pytest.raises(ModelUnavailableError, match=f"can't load flux-schnell from {tmp_path}/flux-schnell: "):
        DiffusersEngine(on_disk(tmp_path), CPU).load("flux-schnell")


def test_loading_is_silent(random_weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    DiffusersEngine(on_disk(random_weights), CPU).load("z-image-turbo")

    assert capfd.readouterr() == ("", "")


def test_the_libraries_log_as_all_others_do(random_weights: Path) -> None:
    DiffusersEngine(on_disk(random_weights), CPU)

    assert logging.getLogger("diffusers").propagate
    assert logging.getLogger("transformers").propagate

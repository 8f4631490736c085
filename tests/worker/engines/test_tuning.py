"""What is done to pipelines for speed, and that it changes no more than rounding."""

from pathlib import Path

import numpy as np
import pytest

from picshapes_crds.catalogue import Catalogue, Model, Weights
from picshapes_worker.device import Device
from picshapes_worker.engine import Request
from picshapes_worker.engines.diffusers import DiffusersEngine
from picshapes_worker.engines.tuning import FOR_CARDS, Step, Wishes, plan, tune

REAL = Catalogue.load("real").models
DEMO = Catalogue.load("demo").models["flux-schnell"]
CPU = Device("cpu", "test", 16_384)


def on_disk(weights: Path) -> Model:
    source = Weights(path=str(weights / "flux-schnell"))
    return DEMO.model_copy(update={"weights": source, "dtype": "float32"})


@pytest.mark.parametrize(
    ("device", "compiles", "steps"),
    [
        (Device("cuda", "", 81_559), True, [Step.FUSE_QKV, Step.CHANNELS_LAST, Step.COMPILE_BLOCKS]),
        (Device("cuda", "", 81_559), False, [Step.FUSE_QKV, Step.CHANNELS_LAST]),
        (Device("cuda", "", 34_000), False, [Step.FUSE_QKV, Step.CHANNELS_LAST, Step.TILE_DECODER]),
        (Device("cpu", "", 81_559), True, []),
    ],
)
def test_cards_are_tuned_and_the_decoder_is_tiled_only_where_memory_is_scarce(
    device: Device,
    compiles: bool,  # noqa: FBT001 - a parameter of the test
    steps: list[Step],
) -> None:
    assert plan(REAL["flux-schnell"], device, Wishes(compiles)) == steps


def test_what_is_done_on_cards_changes_a_picture_by_rounding_only(random_weights: Path) -> None:
    engine = DiffusersEngine({"flux-schnell": on_disk(random_weights)}, CPU)
    engine.load("flux-schnell")
    asked = Request("flux-schnell", "a circle", None, 64, 64, steps=2, seed=7)
    transformer = engine._pipelines["flux-schnell"].transformer
    numbers = sum(one.numel() for one in transformer.parameters())
    plain = np.asarray(engine.generate(asked, lambda _: None).image).astype(int)
    tune(engine._pipelines["flux-schnell"], list(FOR_CARDS))
    tuned = np.asarray(engine.generate(asked, lambda _: None).image).astype(int)

    assert np.abs(plain - tuned).max() <= 1
    assert sum(one.numel() for one in transformer.parameters()) == numbers


def test_blocks_that_cannot_be_compiled_run_as_they_are(
    random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def failing(*_: object, **__: object) -> None:
        refused.append("a graph")
        raise RuntimeError("no compiler on this machine")

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", failing)
    engine = DiffusersEngine({"flux-schnell": on_disk(random_weights)}, CPU)
    engine.load("flux-schnell")
    asked = Request("flux-schnell", "a circle", None, 64, 64, steps=2, seed=7)
    plain = np.asarray(engine.generate(asked, lambda _: None).image)
    tune(engine._pipelines["flux-schnell"], [Step.COMPILE_BLOCKS])
    as_it_is = np.asarray(engine.generate(asked, lambda _: None).image)

    assert refused
    assert (plain == as_it_is).all()


def test_blocks_are_put_into_8_bits_once_fused_and_before_they_are_compiled() -> None:
    steps = plan(REAL["flux-schnell"], Device("cuda", "", 81_559), Wishes(float8=True))
    assert steps == [Step.FUSE_QKV, Step.CHANNELS_LAST, Step.FLOAT8, Step.COMPILE_BLOCKS]


def test_attention_that_knows_no_fused_product_is_left_alone() -> None:
    steps = plan(REAL["z-image-turbo"], Device("cuda", "", 81_559), Wishes())
    assert steps == [Step.CHANNELS_LAST, Step.COMPILE_BLOCKS]

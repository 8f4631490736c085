"""What is done to pipelines for speed, and that it changes no more than rounding."""

from pathlib import Path

import numpy as np
import pytest

from picshapes_crds.catalogue import Catalogue, Weights
from picshapes_worker.device import Device
from picshapes_worker.engine import Request
from picshapes_worker.engines.diffusers import DiffusersEngine
from picshapes_worker.engines.tuning import FOR_CARDS, Step, plan, tune

REAL = Catalogue.load("real").models
DEMO = Catalogue.load("demo").models["flux-schnell"]
CPU = Device("cpu", "test", 16_384)


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
    assert plan(REAL["flux-schnell"], device, compiles=compiles) == steps


def test_what_is_done_on_cards_changes_a_picture_by_rounding_only(random_weights: Path) -> None:
    model = DEMO.model_copy(
        update={"weights": Weights(path=str(random_weights / "flux-schnell")), "dtype": "float32"}
    )
    engine = DiffusersEngine({"flux-schnell": model}, CPU)
    engine.load("flux-schnell")
    asked = Request("flux-schnell", "a circle", None, 64, 64, steps=2, seed=7)
    transformer = engine._pipelines["flux-schnell"].transformer
    numbers = sum(one.numel() for one in transformer.parameters())
    plain = np.asarray(engine.generate(asked, lambda _: None).image).astype(int)
    tune(engine._pipelines["flux-schnell"], list(FOR_CARDS))
    tuned = np.asarray(engine.generate(asked, lambda _: None).image).astype(int)

    assert np.abs(plain - tuned).max() <= 1
    assert sum(one.numel() for one in transformer.parameters()) == numbers


def test_attention_that_knows_no_fused_product_is_left_alone() -> None:
    steps = plan(REAL["z-image-turbo"], Device("cuda", "", 81_559), compiles=True)
    assert steps == [Step.CHANNELS_LAST, Step.COMPILE_BLOCKS]

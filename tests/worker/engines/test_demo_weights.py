"""The weights that PicShapes carries draw what a prompt says, through the worker's own engine."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.device import Device
from picshapes_worker.engine import Request
from picshapes_worker.engines.arguments import call_arguments
from picshapes_worker.engines.diffusers import DiffusersEngine
from training.evaluate import WEIGHTS, load_pipeline
from training.measure import largest_part, measure, nearest_kind, segment
from training.scenes import COLOURS, Scene, Shape

DEMO = Catalogue.load("demo").models
SCENES = {
    "a blue star on a yellow background": Scene("yellow", (Shape("blue", "star"),)),
    "a large white cross on a black background": Scene("black", (Shape("white", "cross", "large"),)),
    "a green triangle at the top left": Scene("white", (Shape("green", "triangle", "medium", "left", "top"),)),
}
SEEDS = 50


@pytest.fixture(scope="module")
def engine() -> DiffusersEngine:
    made = DiffusersEngine(DEMO, Device("cpu", "test", 16_384))
    for model in DEMO:
        made.load(model)
    return made


@pytest.mark.parametrize("model", sorted(DEMO))
@pytest.mark.parametrize("prompt", sorted(SCENES))
def test_a_picture_shows_its_prompt(engine: DiffusersEngine, model: str, prompt: str) -> None:
    asked = Request(model, prompt, None, 512, 512, steps=DEMO[model].steps, seed=1)
    facts = measure(np.asarray(engine.generate(asked, lambda _: None).image), SCENES[prompt])

    assert (facts.background, facts.colour_in_place, facts.outline) == (True, True, True)


@pytest.mark.parametrize("model", sorted(DEMO))
def test_words_that_the_models_do_not_know_give_a_calm_picture(engine: DiffusersEngine, model: str) -> None:
    prompt = "a beautiful sunset over mountains, digital art"
    asked = Request(model, prompt, None, 512, 512, steps=DEMO[model].steps, seed=1)

    assert measure(np.asarray(engine.generate(asked, lambda _: None).image), Scene("gray", ())).calm


@pytest.mark.parametrize("model", sorted(DEMO))
def test_a_negative_prompt_moves_a_circle_of_open_colour_away_from_what_it_names(model: str) -> None:
    pipeline = load_pipeline(model, WEIGHTS, torch.float32)
    plain, pushed = (_drawn(pipeline, model, negative) for negative in (None, "blue"))

    assert plain["yellow"] + plain["orange"] <= SEEDS // 4  # two of the eight colours that may be drawn
    assert pushed["yellow"] + pushed["orange"] >= SEEDS - SEEDS // 10  # the other end from blue
    assert pushed["blue"] == 0
    assert min(plain["circle"], pushed["circle"]) >= SEEDS - SEEDS // 10


def _drawn(pipeline: Any, model: str, negative: str | None) -> Counter[str]:
    """Count colours and kinds in pictures of a circle whose colour the seed decides."""
    asked = Request(model, "a circle", negative, 256, 256, steps=DEMO[model].steps, seed=0)
    arguments = call_arguments(asked, DEMO[model])
    for name in ("prompt", "negative_prompt"):
        if name in arguments:
            arguments[name] = [arguments[name]] * SEEDS
    seeds = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    seen: Counter[str] = Counter()
    for picture in pipeline(**arguments, generator=seeds).images:
        seen.update(_shape(np.asarray(picture)))
    return seen


def _shape(picture: NDArray[np.uint8]) -> tuple[str, str]:
    """Name the second most frequent colour, and what its largest part looks like."""
    labels = segment(picture)
    counts = np.bincount(labels.ravel(), minlength=len(COLOURS))
    colour = COLOURS[int(counts.argsort()[-2])]
    part = largest_part(labels, colour)
    return colour, nearest_kind(part)

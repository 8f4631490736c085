"""How a transformer's errors are weighed."""

import torch

from training.importance import importance
from training.latents import BACKGROUND, EDGE, SHAPE
from training.scenes import Scene, Shape

_LARGE_AND_SMALL = Scene(
    "white", (Shape("red", "square", "large", "left"), Shape("blue", "circle", "small", "right"))
)


def test_the_colours_of_a_small_and_a_large_shape_weigh_alike() -> None:
    extra = importance([_LARGE_AND_SMALL], 1024, 1024)[0, SHAPE] - 1

    left, right = extra[:, :, :16].sum(), extra[:, :, 16:].sum()
    assert left > 0
    assert torch.isclose(left, right)


def test_a_tiny_shape_weighs_no_more_than_a_bound() -> None:
    weights = importance([_LARGE_AND_SMALL], 256, 256)

    assert weights.max() == 13


def test_only_the_colour_of_shapes_weighs_more_and_only_where_they_are() -> None:
    weights = importance([_LARGE_AND_SMALL, Scene("gray", ())], 512, 512)

    assert (weights[:, BACKGROUND] == 1).all()
    assert (weights[:, EDGE] == 1).all()
    assert (weights[0, SHAPE, 0] == 1).all()
    assert (weights[1] == 1).all()

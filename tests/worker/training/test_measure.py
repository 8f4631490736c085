"""The measure sees what is there, and only that."""

import numpy as np

from training.evaluate import Cell, measure_cell, truth_draw
from training.measure import measure, wilson_lower
from training.rendering import PALETTE, render
from training.scenes import COLOURS, Scene, Shape

_STAR = Scene("yellow", (Shape("blue", "star", "large"),))


def test_truth_scores_at_least_99_percent() -> None:
    for shapes in (1, 2):
        row = measure_cell(Cell(shapes, 256, 256), 200, truth_draw)

        assert row["background"] == 1.0
        assert row["colour_in_place"] >= 0.99
        assert row["calm"] == 1.0
    assert measure_cell(Cell(1, 512, 512), 200, truth_draw)["outline"] >= 0.99


def test_shuffled_captions_score_at_chance() -> None:
    row = measure_cell(Cell(1, 256, 256), 300, truth_draw, shuffled=True)

    # A quarter of the scenes has the default background, so two of them agree by more than 1 in 11.
    assert row["background"] < 0.25
    # A tenth of the pictures have the named colour at all, a ninth of those in the named place.
    assert row["colour_in_place"] < 0.08
    # It takes the colour to find an outline.
    assert row["outline"] < 0.1
    assert row["all"] < 0.03


def test_another_shape_is_told_by_its_outline_alone() -> None:
    facts = measure(render(Scene("yellow", (Shape("blue", "heart", "large"),)), 256, 256), _STAR)

    assert (facts.background, facts.colour_in_place, facts.outline) == (True, True, False)


def test_a_shape_in_another_place_is_out_of_place() -> None:
    facts = measure(render(Scene("yellow", (Shape("blue", "star", "large", "left"),)), 256, 256), _STAR)

    assert (facts.background, facts.colour_in_place, facts.outline) == (True, False, True)


def test_an_empty_picture_has_no_shape() -> None:
    facts = measure(render(Scene("yellow", ()), 256, 256), _STAR)

    assert (facts.background, facts.colour_in_place, facts.outline, facts.calm) == (True, False, False, True)


def test_noise_is_not_calm() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)

    assert not measure(noise, Scene("gray", ())).calm


def test_every_colour_of_the_palette_is_segmented_as_itself() -> None:
    for colour in COLOURS:
        picture = np.full((64, 64, 3), PALETTE[colour], np.uint8)

        assert measure(picture, Scene(colour, ())).background


def test_wilson_s_lower_bound_is_below_the_share() -> None:
    assert round(wilson_lower(95, 100), 4) == 0.8882
    assert round(wilson_lower(400, 400), 4) == 0.9905
    assert wilson_lower(0, 0) == 0.0

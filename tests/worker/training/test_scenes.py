"""What the demo models' world holds, and what training never shows."""

from itertools import combinations

import numpy as np

from training.scenes import COLOURS, KINDS, PLACES, Scene, SceneChoice, Shape, is_held_out, sample_scene


def _scenes(choice: SceneChoice, count: int = 300) -> list[Scene]:
    random = np.random.default_rng(5)
    return [sample_scene(choice, random) for _ in range(count)]


def test_one_combination_in_eleven_is_held_out() -> None:
    every = [Shape(colour, kind, "large", *place) for colour in COLOURS for kind in KINDS for place in PLACES]

    assert len(every) == 594
    assert sum(is_held_out(shape) for shape in every) == 54


def test_every_colour_and_kind_and_place_is_held_out_somewhere_and_trained_somewhere_else() -> None:
    every = [Shape(colour, kind, "large", *place) for colour in COLOURS for kind in KINDS for place in PLACES]

    for held_out in (True, False):
        chosen = [shape for shape in every if is_held_out(shape) == held_out]
        assert {shape.colour for shape in chosen} == set(COLOURS)
        assert {shape.kind for shape in chosen} == set(KINDS)
        assert {shape.place for shape in chosen} == set(PLACES)


def test_size_does_not_matter_for_being_held_out() -> None:
    assert is_held_out(Shape("red", "circle", "small", "left", "top"))
    assert is_held_out(Shape("red", "circle", "large", "left", "top"))


def test_training_scenes_have_no_held_out_shape() -> None:
    for count in (1, 2, 3):
        for scene in _scenes(SceneChoice(count)):
            assert not any(is_held_out(shape) for shape in scene.shapes)


def test_held_out_scenes_have_nothing_else() -> None:
    for scene in _scenes(SceneChoice(2, held_out=True)):
        assert all(is_held_out(shape) for shape in scene.shapes)


def test_shapes_differ_from_the_background_and_in_place() -> None:
    for scene in _scenes(SceneChoice(3)):
        assert len(scene.shapes) == 3
        assert scene.background not in {shape.colour for shape in scene.shapes}
        assert all(one.place != other.place for one, other in combinations(scene.shapes, 2))


def test_an_equal_seed_draws_equal_scenes() -> None:
    assert _scenes(SceneChoice(2)) == _scenes(SceneChoice(2))

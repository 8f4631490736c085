"""Codes are what the text encoders' last layers can write: equally long, free of a mean, orthogonal."""

from typing import Any

import numpy as np

from training.codes import scene_code, slot_codes, void_code
from training.scenes import Scene, Shape

_SCENE = Scene("yellow", (Shape("blue", "star", "large", "left", "top"), Shape("red", "heart")))


def _is_sign(code: Any) -> bool:
    return bool((np.abs(code) == 1).all()) and code.sum() == 0


def test_codes_are_signs_without_a_mean() -> None:
    assert slot_codes(_SCENE).shape == (4, 128)
    assert all(_is_sign(code) for code in slot_codes(_SCENE))
    assert _is_sign(void_code())
    assert _is_sign(scene_code(_SCENE))


def test_another_colour_changes_the_colour_only() -> None:
    other = Scene("yellow", (Shape("green", "star", "large", "left", "top"), Shape("red", "heart")))
    changed = slot_codes(_SCENE) != slot_codes(other)

    assert changed.sum(axis=1).tolist() == [0, 16, 0, 0]
    assert changed[1, 16:48].sum() == 16


def test_every_attribute_shows_in_the_code_of_the_scene() -> None:
    code = scene_code(_SCENE)
    variants = [
        Scene("white", _SCENE.shapes),
        Scene("yellow", (_SCENE.shapes[1], _SCENE.shapes[0])),
        Scene("yellow", _SCENE.shapes[:1]),
        Scene("yellow", (Shape("blue", "star", "small", "left", "top"), Shape("red", "heart"))),
    ]

    assert all((scene_code(variant) != code).any() for variant in variants)

"""What the transformers learn to draw, and how the decoder starts from it."""

import numpy as np
import torch

from training.decoder import fresh_vae
from training.latents import BACKGROUND, EDGE, SHAPE, edge_field, encode_scene
from training.measure import measure
from training.rendering import render
from training.scenes import Scene, Shape

_SCENE = Scene("yellow", (Shape("blue", "circle", "large", "left", "top"), Shape("red", "square")))


def test_an_edge_field_is_positive_just_where_a_shape_is() -> None:
    inside = edge_field(_SCENE, 256, 128) > 0
    background = (render(_SCENE, 256, 128) == render(Scene("yellow", ()), 256, 128)).all(axis=2)

    assert (inside == background).mean() < 0.02  # antialiased edges belong to both


def test_latents_tell_both_colours_apart_from_the_edge() -> None:
    latents = encode_scene(_SCENE, 512, 512)
    recoloured = encode_scene(
        Scene("black", (Shape("pink", "circle", "large", "left", "top"), _SCENE.shapes[1])), 512, 512
    )

    assert latents.shape == (20, 16, 16)
    assert np.array_equal(latents[EDGE], recoloured[EDGE])
    assert np.ptp(latents[BACKGROUND], axis=(1, 2)).tolist() == [0, 0, 0]
    assert not np.array_equal(latents[SHAPE, 2, 2], latents[SHAPE, 8, 8])
    assert np.array_equal(latents[SHAPE, 8, 8], recoloured[SHAPE, 8, 8])


def test_the_last_channels_tell_the_halves_of_a_token() -> None:
    columns, rows = encode_scene(_SCENE, 128, 128)[-2:]

    assert np.sign(columns[0]).tolist() == [1, -1, 1, -1]
    assert np.sign(rows[:, 0]).tolist() == [1, -1, 1, -1]


def test_the_decoder_starts_by_drawing_each_colour_in_its_place() -> None:
    latents = torch.from_numpy(encode_scene(_SCENE, 512, 512))[None]
    with torch.no_grad():
        drawn = fresh_vae(0).decode(latents).sample[0].permute(1, 2, 0)
    picture = ((drawn / 2 + 0.5).clamp(0, 1) * 255).byte().numpy()
    facts = measure(picture, _SCENE)

    assert facts.background
    assert facts.colour_in_place

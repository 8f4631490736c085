"""The model card says what was measured."""

from training.model_card import model_card

_FIGURES = {
    "cells": [
        {
            "shapes": 1,
            "size": "512x512",
            "n": 400,
            "background": 1.0,
            "background_lower": 0.9905,
            "colour_in_place": 0.955,
            "colour_in_place_lower": 0.93,
            "outline": 0.5,
            "outline_lower": 0.4513,
            "calm": 1.0,
            "calm_lower": 0.9905,
        }
    ],
    "strange": {"prompt": "a sunset", "n": 20, "calm": 1.0},
}


def test_each_cell_is_a_row_with_its_lower_bounds() -> None:
    card = model_card("flux-schnell", _FIGURES, steps=1150)

    assert "| 1 | 512x512 | 400 | 100 % (99 %) | 96 % (93 %) | 50 % (45 %) | 100 % (99 %) |" in card
    assert '"a sunset": 100 % of 20 seeds calm.' in card
    assert "Transformer: 1150 steps" in card
    assert "4 steps, guidance 0, text length 64" in card

"""How the transformers start, and what they are trained on."""

import pytest
import torch

from training.architecture import FLUX, MODELS, Z_IMAGE
from training.examples import Curriculum, sample_example, text_tokens, used_times
from training.loop import step_source
from training.scenes import is_held_out
from training.transformer import fresh_transformer, predict

_CURRICULUM = Curriculum((0.0, 1.0, 0.0, 0.0), ())


@pytest.mark.parametrize("model", MODELS)
def test_the_start_predicts_the_noise_at_the_first_step(model: str) -> None:
    source = step_source(0, 0)
    example = sample_example(model, _CURRICULUM, (256, 256, 2), source)
    example.times.fill_(1.0)
    with torch.no_grad():
        predicted = predict(model, fresh_transformer(model, 0), example, text_tokens(example.slots, 4, source))

    assert (predicted - example.noise).abs().max() < 0.2


def test_training_uses_the_times_at_which_the_pipelines_ask() -> None:
    assert used_times(FLUX) == [1.0, 0.75, 0.5, 0.25]
    assert [round(time, 3) for time in used_times(Z_IMAGE)] == [1.0, 0.955, 0.9, 0.833, 0.75, 0.643, 0.5, 0.3]


def test_an_equal_step_draws_an_equal_example_without_held_out_shapes() -> None:
    one = sample_example(FLUX, _CURRICULUM, (256, 256, 4), step_source(3, 7))
    other = sample_example(FLUX, _CURRICULUM, (256, 256, 4), step_source(3, 7))

    assert torch.equal(one.noisy, other.noisy)
    assert not any(is_held_out(shape) for scene in one.scenes for shape in scene.shapes)

"""The random demo weights load and draw through the real pipelines."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline, ZImagePipeline

from training.architecture import FLUX, Z_IMAGE
from training.random_weights import write_random_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    write_random_weights(root, seed=0)
    return root


def _draw(pipeline: Any, **call: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(1)
    return pipeline("a blue star", generator=generator, output_type="np", **call).images[0]


def test_flux_draws_a_finite_picture(weights: Path) -> None:
    pipeline = FluxPipeline.from_pretrained(weights / FLUX, dtype=torch.float32)

    picture = _draw(
        pipeline, width=256, height=320, num_inference_steps=4, guidance_scale=0.0, max_sequence_length=64
    )

    assert picture.shape == (320, 256, 3)
    assert np.isfinite(picture).all()


def test_z_image_draws_a_finite_picture(weights: Path) -> None:
    pipeline = ZImagePipeline.from_pretrained(weights / Z_IMAGE, dtype=torch.float32)

    picture = _draw(pipeline, width=256, height=320, num_inference_steps=8, guidance_scale=0.0)

    assert picture.shape == (320, 256, 3)
    assert np.isfinite(picture).all()


def test_the_same_seed_writes_the_same_weights(weights: Path, tmp_path: Path) -> None:
    write_random_weights(tmp_path, seed=0)

    for path in weights.rglob("*.safetensors"):
        assert path.read_bytes() == (tmp_path / path.relative_to(weights)).read_bytes()

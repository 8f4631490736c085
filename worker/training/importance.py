"""Weighs a transformer's errors: each shape's colour counts the same, however few latent pixels it covers.

Unweighed, a small shape's colour is a few hundredths of a picture's error. A transformer that had learned
places and outlines then still mixed the colours of two neighbours: of 400 held-out scenes of two shapes, 75
had both shapes in their places and a colour between the two.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.architecture import LATENT_CHANNELS, VAE_SCALE
from training.latents import SHAPE
from training.rendering import outline
from training.scenes import Scene

_SHAPE_WEIGHT: Final = 200.0
"""What the latent pixels of one shape weigh together, beside the 1 that each has anyway."""
_MOST: Final = 12.0


def importance(scenes: list[Scene], width: int, height: int) -> torch.Tensor:
    """Give the weight of each latent value's squared error, (scenes, 20, height / 32, width / 32)."""
    weights = np.ones((len(scenes), LATENT_CHANNELS, height // VAE_SCALE, width // VAE_SCALE), np.float32)
    for index, scene in enumerate(scenes):
        for covered in _covered(scene, width, height):
            weights[index, SHAPE, covered] += min(_MOST, _SHAPE_WEIGHT / max(1, covered.sum()))
    return torch.from_numpy(weights)


def _covered(scene: Scene, width: int, height: int) -> list[NDArray[np.bool_]]:
    """Tell for each shape which latent pixels its bounding box touches, (height / 32, width / 32)."""
    left = np.arange(width // VAE_SCALE) * VAE_SCALE
    top = np.arange(height // VAE_SCALE)[:, None] * VAE_SCALE
    covered = []
    for shape in scene.shapes:
        corners = outline(shape, width, height)
        (first_x, first_y), (last_x, last_y) = corners.min(axis=0), corners.max(axis=0)
        across = (left + VAE_SCALE > first_x) & (left < last_x)
        covered.append(across & (top + VAE_SCALE > first_y) & (top < last_y))
    return covered

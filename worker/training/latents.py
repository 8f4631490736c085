"""Turns pictures into latents by a fixed linear projection: what the transformers learn to draw.

A latent pixel stands for 32x32 px, seen as 8x8 means of 4x4 px, of which it keeps the 16 principal
components over a seeded sample of scenes. Being linear it needs no training, blurs instead of breaking
when a transformer is a little off, and lets every training step see fresh scenes; the VAE's decoder
learns to draw crisp shapes from it. The VAE's encoder stays untrained: drawing from text never runs it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.architecture import LATENT_CHANNELS, VAE_SCALE
from training.rendering import render
from training.scenes import Scene, SceneChoice, sample_scene

_CELL_PX: Final = 4
_CELLS: Final = VAE_SCALE // _CELL_PX
_SAMPLE_SEED: Final = 20
_SAMPLE_SCENES: Final = 300
LATENT_RMS: Final = 2.5
"""Over all channels. The noise has 1: the louder the picture, the less a transformer's imprecision about
the noise (which it must subtract exactly) shows in it."""


_LOUDNESS_POWER: Final = 0.75


@dataclass(frozen=True)
class Projection:
    """`latent = (cells - mean) @ analysis`, and `synthesis` undoes it as well as 16 numbers can."""

    mean: NDArray[np.float32]
    analysis: NDArray[np.float32]
    synthesis: NDArray[np.float32]


def picture_cells(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the 8x8 cell means of each 32x32 px, (rows, columns, 192), in -1…1."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // _CELL_PX, height // _CELL_PX), interpolation=cv2.INTER_AREA)
    rows, columns = height // VAE_SCALE, width // VAE_SCALE
    cells = small.astype(np.float32).reshape(rows, _CELLS, columns, _CELLS, 3) / 127.5 - 1.0
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows, columns, _CELLS * _CELLS * 3)


@cache
def projection() -> Projection:
    """Compute the projection; the same in every process."""
    random = np.random.default_rng(_SAMPLE_SEED)
    samples = []
    for index in range(_SAMPLE_SCENES):
        size_px = (256, 512, 512)[index % 3]
        cells = picture_cells(render(sample_scene(SceneChoice(1 + index % 2), random), size_px, size_px))
        samples.append(cells.reshape(-1, cells.shape[-1])[:: size_px // 256])
    cells = np.concatenate(samples).astype(np.float64)
    mean = cells.mean(axis=0)
    centred = cells - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(cells))
    order = np.argsort(variances)[::-1][:LATENT_CHANNELS]
    deviation, axes = np.sqrt(variances[order]), axes[:, order]
    # An eigenvector's sign is arbitrary and differs between linear algebra libraries.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(LATENT_CHANNELS)])
    # Between the picture's own scale (1) and equal loudness (0): colour matters most, outlines count.
    loudness = deviation**_LOUDNESS_POWER
    loudness *= LATENT_RMS / np.sqrt(np.mean(loudness**2))
    gain = loudness / deviation
    return Projection(
        mean=mean.astype(np.float32),
        analysis=(axes * gain).astype(np.float32),
        synthesis=(axes / gain).T.astype(np.float32),
    )


def encode(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give a picture's latents, (16, height / 32, width / 32)."""
    fixed = projection()
    latents = (picture_cells(picture) - fixed.mean) @ fixed.analysis
    return np.ascontiguousarray(latents.transpose(2, 0, 1))


def encode_scene(scene: Scene, width: int, height: int) -> NDArray[np.float32]:
    """Give a scene's latents at a size in pixels."""
    return encode(render(scene, width, height))

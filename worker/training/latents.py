"""Turns scenes into latents by a fixed rule: what the transformers learn to draw.

A latent pixel stands for 32x32 px and says three things apart: the background's colour, the colour of
the nearest shape, and where that shape's edge runs. Apart, since a picture is their product, which is
hard to learn, while each alone is a plain function of the caption. The edge is the signed distance to
it, squashed and seen as 8x8 means of 4x4 px, of which the first principal components over a seeded
sample of scenes are kept. Two last channels never change: they tell the VAE's decoder, which sees no
positions, the left and the upper half of a token from the right and the lower.

Being fixed it needs no training and lets every training step see fresh scenes; the VAE's decoder learns
to draw crisp shapes from it. The VAE's encoder stays untrained: drawing from text never runs it.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.architecture import LATENT_CHANNELS, VAE_SCALE
from training.rendering import FRACTION_BITS, PALETTE, outline
from training.scenes import Scene, SceneChoice, sample_scene

BACKGROUND: Final = slice(0, 3)
SHAPE: Final = slice(3, 6)
EDGE: Final = slice(6, LATENT_CHANNELS - 2)
_CELL_PX: Final = 4
_CELLS: Final = VAE_SCALE // _CELL_PX
_SOFTNESS_PX: Final = 16.0
"""The distance from an edge at which a pixel counts as three quarters inside or outside."""
_SAMPLE_SEED: Final = 20
_SAMPLE_SCENES: Final = 300
COLOUR_GAIN: Final = 2.5
"""The noise has 1: the louder the latents, the less a transformer's imprecision about the noise (which it
must subtract exactly) shows in the picture."""
_EDGE_RMS: Final = 1.8
_LOUDNESS_POWER: Final = 0.35
_HALF_LEVEL: Final = 2.0


@dataclass(frozen=True)
class Projection:
    """`edge latents = (cells - mean) @ analysis`; cells are squashed distances, 64 a latent pixel."""

    mean: NDArray[np.float32]
    analysis: NDArray[np.float32]


def edge_field(scene: Scene, width: int, height: int) -> NDArray[np.float32]:
    """Give the squashed signed distance to the nearest edge, 1 inside, -1 outside, (height, width)."""
    if not scene.shapes:
        return np.full((height, width), -1.0, np.float32)
    inside = np.zeros((height, width), np.uint8)
    for shape in scene.shapes:
        corners = (outline(shape, width, height) - 0.5) * (1 << FRACTION_BITS)
        cv2.fillPoly(inside, [np.round(corners).astype(np.int32)], 1, shift=FRACTION_BITS)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    squashed: NDArray[np.float32] = np.tanh(np.where(inside > 0, within - 0.5, 0.5 - beyond) / _SOFTNESS_PX)
    return squashed


def edge_cells(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the 8x8 cell means of each 32x32 px of an edge field, (rows, columns, 64)."""
    height, width = field.shape
    small = cv2.resize(field, (width // _CELL_PX, height // _CELL_PX), interpolation=cv2.INTER_AREA)
    rows, columns = height // VAE_SCALE, width // VAE_SCALE
    cells = small.reshape(rows, _CELLS, columns, _CELLS).transpose(0, 2, 1, 3)
    return cells.reshape(rows, columns, _CELLS * _CELLS).astype(np.float32)


@cache
def projection() -> Projection:
    """Compute the projection; the same in every process."""
    random = np.random.default_rng(_SAMPLE_SEED)
    samples = []
    for index in range(_SAMPLE_SCENES):
        size_px = (256, 512, 512)[index % 3]
        cells = edge_cells(edge_field(sample_scene(SceneChoice(1 + index % 2), random), size_px, size_px))
        samples.append(cells.reshape(-1, cells.shape[-1])[:: size_px // 256])
    cells = np.concatenate(samples).astype(np.float64)
    mean = cells.mean(axis=0)
    centred = cells - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(cells))
    count = EDGE.stop - EDGE.start
    order = np.argsort(variances)[::-1][:count]
    deviation, axes = np.sqrt(variances[order]), axes[:, order]
    # An eigenvector's sign is arbitrary and differs between linear algebra libraries.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])
    # Between the field's own scale (1) and equal loudness (0).
    loudness = deviation**_LOUDNESS_POWER
    loudness *= _EDGE_RMS / np.sqrt(np.mean(loudness**2))
    return Projection(mean.astype(np.float32), (axes * loudness / deviation).astype(np.float32))


def encode_scene(scene: Scene, width: int, height: int) -> NDArray[np.float32]:
    """Give a scene's latents at a size in pixels, (20, height / 32, width / 32)."""
    return encode(scene, edge_field(scene, width, height))


def encode(scene: Scene, field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give a scene's latents at the size of its edge field."""
    height, width = field.shape
    rows, columns = height // VAE_SCALE, width // VAE_SCALE
    fixed = projection()
    latents = np.empty((rows, columns, LATENT_CHANNELS), np.float32)
    latents[..., BACKGROUND] = _colour(scene.background)
    latents[..., SHAPE] = _nearest_colour(scene, width, height)
    latents[..., EDGE] = (edge_cells(field) - fixed.mean) @ fixed.analysis
    latents[..., -2] = _HALF_LEVEL * (1 - 2 * (np.arange(columns) % 2))
    latents[..., -1] = _HALF_LEVEL * (1 - 2 * (np.arange(rows)[:, None] % 2))
    return np.ascontiguousarray(latents.transpose(2, 0, 1))


def _colour(name: str) -> NDArray[np.float32]:
    return COLOUR_GAIN * (np.array(PALETTE[name], np.float32) / 127.5 - 1.0)


def _nearest_colour(scene: Scene, width: int, height: int) -> NDArray[np.float32]:
    """Give the colour of the shape that is nearest to each latent pixel; the background's if there is none."""
    if not scene.shapes:
        return _colour(scene.background)
    across = (np.arange(width // VAE_SCALE) + 0.5) * VAE_SCALE
    down = (np.arange(height // VAE_SCALE)[:, None] + 0.5) * VAE_SCALE
    distances = []
    for shape in scene.shapes:
        corners = outline(shape, width, height)
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        distances.append(np.hypot(across - middle[0], down - middle[1]) - np.ptp(corners[:, 0]) / 2)
    nearest = np.argmin(np.stack(distances), axis=0)
    colours: NDArray[np.float32] = np.take(
        np.stack([_colour(shape.colour) for shape in scene.shapes]), nearest, axis=0
    )
    return colours

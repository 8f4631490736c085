"""Looks at a picture and tells what of its scene is there: colours by segmentation, shapes by outline.

Pure: a picture and a scene in, facts out. `training.evaluate` counts them over many pictures.
"""

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.rendering import PALETTE, outline, unit_outline
from training.scenes import COLOURS, COLUMN_CENTRE, COLUMNS, KINDS, ROW_CENTRE, ROWS, Scene, Shape

_LEAST_AREA: Final = 0.3
"""Of the area that a shape should cover: less is a speck of the colour, not the shape."""
_CALM_COLOURS: Final = 4
_CALM_SHARE: Final = 0.9
_TEMPLATE_PX: Final = 160
_AREA_EDGE_PX: Final = 64.0
"""Outlines are compared at the area of a square of this edge; the star, the widest, then reaches 56 px out."""
_LEVEL_BITS: Final = 3


@dataclass(frozen=True)
class Facts:
    """What holds of one picture. Of several shapes, each must."""

    background: bool
    colour_in_place: bool
    outline: bool
    calm: bool
    """Four named colours cover 90 % of the pixels: it isn't noise."""


def measure(picture: NDArray[np.uint8], scene: Scene) -> Facts:
    """Compare a picture, (height, width, 3) as RGB, with the scene that it should show."""
    labels = segment(picture)
    counts = np.sort(np.bincount(labels.ravel(), minlength=len(COLOURS)))[::-1]
    found = [largest_part(labels, shape.colour) for shape in scene.shapes]
    height, width = labels.shape
    return Facts(
        background=COLOURS[int(np.bincount(labels.ravel(), minlength=len(COLOURS)).argmax())] == scene.background,
        colour_in_place=all(
            _is_in_place(part, shape, width, height) for part, shape in zip(found, scene.shapes, strict=True)
        ),
        outline=all(
            part is not None and nearest_kind(part) == shape.kind
            for part, shape in zip(found, scene.shapes, strict=True)
        ),
        calm=bool(counts[:_CALM_COLOURS].sum() >= _CALM_SHARE * labels.size),
    )


def segment(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give each pixel the index of the named colour that is nearest to it (to within 8 of 256 levels)."""
    coarse = (picture >> _LEVEL_BITS).astype(np.uint16)
    table = _nearest_colours()
    labels: NDArray[np.uint8] = table[(coarse[..., 0] << 10) | (coarse[..., 1] << 5) | coarse[..., 2]]
    return labels


@cache
def _nearest_colours() -> NDArray[np.uint8]:
    """Tabulate the nearest named colour over 32 levels a channel."""
    levels = np.arange(32) * 8 + 4
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    distances = [((grid - np.array(PALETTE[name])) ** 2).sum(axis=1) for name in COLOURS]
    nearest: NDArray[np.uint8] = np.argmin(np.stack(distances), axis=0).astype(np.uint8)
    return nearest


def largest_part(labels: NDArray[np.uint8], colour: str) -> Any | None:
    """Find the outer contour of the largest connected part of a colour."""
    mask = (labels == COLOURS.index(colour)).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(contours, key=cv2.contourArea) if contours else None


def nearest_kind(contour: Any) -> str:
    """Name the kind of shape whose outline covers a contour best, brought to one centre and one area.

    By intersection over union. Hu's moments (OpenCV's `matchShapes`) take a true heart whose edge is a little
    soft for a circle: of symmetric shapes the higher moments are near zero, and their logarithms are chance.
    """
    seen = _normalized(contour)
    return max(KINDS, key=lambda kind: _overlap(seen, _template(kind)))


def _normalized(contour: Any) -> NDArray[np.bool_]:
    """Fill a contour, moved to the middle of a square and brought to a fixed area."""
    corners = np.asarray(contour, np.float64).reshape(-1, 2)
    moments = cv2.moments(corners.astype(np.float32)[:, None, :])
    if moments["m00"] <= 0:
        return np.zeros((_TEMPLATE_PX, _TEMPLATE_PX), np.bool_)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    scale = _AREA_EDGE_PX / sqrt(moments["m00"])
    placed = np.round((corners - centre) * scale + _TEMPLATE_PX / 2).astype(np.int32)
    filled: NDArray[np.uint8] = np.zeros((_TEMPLATE_PX, _TEMPLATE_PX), np.uint8)
    cv2.fillPoly(filled, [placed], 1)
    return filled.astype(np.bool_)


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@cache
def _template(kind: str) -> NDArray[np.bool_]:
    return _normalized(unit_outline(kind) * _TEMPLATE_PX)


def _is_in_place(contour: Any | None, shape: Shape, width: int, height: int) -> bool:
    if contour is None:
        return False
    expected = cv2.contourArea(outline(shape, width, height).astype(np.float32))
    moments = cv2.moments(contour)
    if moments["m00"] < _LEAST_AREA * expected:
        return False
    across = moments["m10"] / moments["m00"] / width
    down = moments["m01"] / moments["m00"] / height
    column = min(COLUMNS, key=lambda name: abs(COLUMN_CENTRE[name] - across))
    row = min(ROWS, key=lambda name: abs(ROW_CENTRE[name] - down))
    return (column, row) == shape.place


def wilson_lower(successes: int, trials: int, z: float = 1.96) -> float:
    """Give the lower end of Wilson's score interval for a share (Wilson 1927)."""
    if trials == 0:
        return 0.0
    share = successes / trials
    middle = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (middle - spread) / (1 + z * z / trials)

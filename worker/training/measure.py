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
_TEMPLATE_PX: Final = 200.0
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
    """Name the kind of shape whose outline is nearest: by OpenCV's moments, which forgive size and place."""
    distances = {kind: _distance(contour, _template(kind)) for kind in KINDS}
    return min(distances, key=lambda kind: distances[kind])


def _distance(contour: Any, template: Any) -> float:
    """Add to the moments how full the convex hull is: circle and square differ little in moments alone."""
    by_moments = cv2.matchShapes(contour, template, cv2.CONTOURS_MATCH_I2, 0.0)
    return (
        float(by_moments) + abs(_fill(contour) - _fill(template)) + abs(_box_fill(contour) - _box_fill(template))
    )


def _fill(contour: Any) -> float:
    hull = cv2.contourArea(cv2.convexHull(contour))
    return float(cv2.contourArea(contour) / hull) if hull > 0 else 0.0


def _box_fill(contour: Any) -> float:
    _, _, width, height = cv2.boundingRect(contour)
    return float(cv2.contourArea(contour) / (width * height))


@cache
def _template(kind: str) -> Any:
    corners = (unit_outline(kind) + 1.5) * _TEMPLATE_PX
    return np.round(corners).astype(np.int32)[:, None, :]


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

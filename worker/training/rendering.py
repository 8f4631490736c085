"""Draws a scene as pixels: the pictures to learn from and the truth to measure against."""

from collections.abc import Callable
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes import COLUMN_CENTRE, RADIUS, ROW_CENTRE, Scene, Shape

# Far enough apart that the nearest one names a pixel's colour.
PALETTE: Final[dict[str, tuple[int, int, int]]] = {
    "red": (220, 30, 40),
    "orange": (250, 140, 20),
    "yellow": (250, 225, 50),
    "green": (40, 150, 65),
    "blue": (35, 85, 215),
    "purple": (125, 45, 165),
    "pink": (250, 150, 190),
    "brown": (115, 70, 35),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
    "gray": (140, 140, 140),
}
FRACTION_BITS: Final = 6
"""cv2 takes corners in fixed point: 64ths of a pixel."""


def render(scene: Scene, width: int, height: int) -> NDArray[np.uint8]:
    """Draw a scene as RGB of shape (height, width, 3), edges antialiased."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = PALETTE[scene.background]
    for shape in scene.shapes:
        corners = outline(shape, width, height)
        fixed = np.round((corners - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(picture, [fixed], PALETTE[shape.colour], lineType=cv2.LINE_AA, shift=FRACTION_BITS)
    return picture


def outline(shape: Shape, width: int, height: int) -> NDArray[np.float64]:
    """Give a shape's corners in pixels, (corners, 2) as x and y."""
    centre = np.array([COLUMN_CENTRE[shape.column] * width, ROW_CENTRE[shape.row] * height])
    return centre + RADIUS[shape.size] * min(width, height) * unit_outline(shape.kind)


@cache
def unit_outline(kind: str) -> NDArray[np.float64]:
    """Give a shape's corners around the origin, within about one unit, y downwards."""
    return _OUTLINES[kind]()


def _circle() -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    return 0.95 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _square() -> NDArray[np.float64]:
    return 0.85 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def _triangle() -> NDArray[np.float64]:
    return np.array([[0.0, -0.95], [1.0, 0.8], [-1.0, 0.8]])


def _star() -> NDArray[np.float64]:
    angle = -np.pi / 2 + np.pi / 5 * np.arange(10)
    radius = np.where(np.arange(10) % 2 == 0, 1.05, 0.44)
    return np.stack([radius * np.cos(angle), 0.06 + radius * np.sin(angle)], axis=1)


def _heart() -> NDArray[np.float64]:
    # The usual parametric heart, scaled into the unit.
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    across = 16 * np.sin(angle) ** 3
    down = -(13 * np.cos(angle) - 5 * np.cos(2 * angle) - 2 * np.cos(3 * angle) - np.cos(4 * angle))
    return np.stack([across / 16.5, (down - 2.5) / 16.0], axis=1)


def _cross() -> NDArray[np.float64]:
    arm, reach = 0.3, 0.98
    quarter = [(arm, -reach), (arm, -arm), (reach, -arm)]
    corners = []
    for _ in range(4):
        corners.extend(quarter)
        quarter = [(-y, x) for x, y in quarter]
    return np.array(corners)


_OUTLINES: Final[dict[str, Callable[[], NDArray[np.float64]]]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "cross": _cross,
}

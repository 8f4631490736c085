"""The world that the demo models know: up to three flat shapes in named colours, sizes and places.

A scene is drawn completely by its words: sizes and places are exact fractions of the picture, so one
caption has one picture (but for a colour that the caption leaves open). Combinations of colour, shape
and place that `is_held_out` names never occur in training.
"""

from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np

from training.vocabulary import COLOUR_WORDS, COLUMN_WORDS, ROW_WORDS, SHAPE_WORDS, SIZE_WORDS

COLOURS: Final = tuple(COLOUR_WORDS)
KINDS: Final = tuple(SHAPE_WORDS)
SIZES: Final = tuple(SIZE_WORDS)
COLUMNS: Final = tuple(COLUMN_WORDS)
ROWS: Final = tuple(ROW_WORDS)
PLACES: Final = tuple(product(COLUMNS, ROWS))
MAX_SHAPES: Final = 3

ANY_COLOUR: Final = "any"
"""The colour of a shape whose caption names none: the seed decides among `OPEN_COLOURS`."""
OPEN_COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
EMPTY_BACKGROUND: Final = "gray"
"""What a caption without any known word draws: this, and nothing on it."""

# Fractions of the width or height, and of the shorter edge.
COLUMN_CENTRE: Final = {"left": 0.2, "center": 0.5, "right": 0.8}
ROW_CENTRE: Final = {"top": 0.2, "center": 0.5, "bottom": 0.8}
RADIUS: Final = {"small": 0.09, "medium": 0.14, "large": 0.2}
_CLEARANCE: Final = 0.97
_HELD_OUT_MODULUS: Final = 11
# How many scenes have the background, and the places, that a caption may leave out.
_SILENT_BACKGROUND: Final = 0.25
_SILENT_PLACES: Final = 0.2


@dataclass(frozen=True)
class Shape:
    """One flat shape."""

    colour: str
    kind: str
    size: str = "medium"
    column: str = "center"
    row: str = "center"

    @property
    def place(self) -> tuple[str, str]:
        """Column and row."""
        return self.column, self.row


@dataclass(frozen=True)
class Scene:
    """A background and shapes in the order in which a caption names them."""

    background: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class SceneChoice:
    """What `sample_scene` may draw."""

    shape_count: int
    held_out: bool = False
    sizes: tuple[str, ...] = SIZES
    distinct_colours: bool = False
    open_colour: bool = False


def is_held_out(shape: Shape) -> bool:
    """Tell whether training never shows this combination of colour, shape and place (one in eleven)."""
    if shape.colour == ANY_COLOUR:
        return False
    colour, kind = COLOURS.index(shape.colour), KINDS.index(shape.kind)
    place = PLACES.index(shape.place)
    return (3 * colour + 5 * kind + place) % _HELD_OUT_MODULUS == 0


def default_background(shapes: tuple[Shape, ...]) -> str:
    """Name the background that a caption means when it names none."""
    if not shapes:
        return EMPTY_BACKGROUND
    return "gray" if any(shape.colour == "white" for shape in shapes) else "white"


def default_places(count: int) -> tuple[tuple[str, str], ...]:
    """Name the places that a caption means when it names none for any of its shapes."""
    columns = {0: (), 1: ("center",), 2: ("left", "right"), 3: ("left", "center", "right")}[count]
    return tuple((column, "center") for column in columns)


def _fits(one: Shape, other: Shape) -> bool:
    """Tell whether two shapes stay apart in a square picture (in any other they are farther apart)."""
    across = COLUMN_CENTRE[one.column] - COLUMN_CENTRE[other.column]
    down = ROW_CENTRE[one.row] - ROW_CENTRE[other.row]
    return RADIUS[one.size] + RADIUS[other.size] <= _CLEARANCE * float(np.hypot(across, down))


def sample_scene(choice: SceneChoice, random: np.random.Generator) -> Scene:
    """Draw a scene with exactly `choice.shape_count` shapes, by rejection."""
    if choice.shape_count == 0:
        return Scene(background=str(random.choice(COLOURS)), shapes=())
    while True:
        shapes = _sample_shapes(choice, random)
        colours = [shape.colour for shape in shapes]
        silent = random.random() < _SILENT_BACKGROUND
        background = default_background(shapes) if silent else str(random.choice(COLOURS))
        if background in colours:
            continue
        if choice.distinct_colours and len(set(colours)) < len(colours):
            continue
        if all(is_held_out(shape) == choice.held_out for shape in shapes if shape.colour != ANY_COLOUR) and all(
            _fits(one, other) for one, other in combinations(shapes, 2)
        ):
            return Scene(background, shapes)


def _sample_shapes(choice: SceneChoice, random: np.random.Generator) -> tuple[Shape, ...]:
    count = choice.shape_count
    if random.random() < _SILENT_PLACES:
        places: tuple[tuple[str, str], ...] = default_places(count)
    else:
        places = tuple(PLACES[index] for index in random.choice(len(PLACES), size=count, replace=False))
    shapes = [
        Shape(
            colour=str(random.choice(COLOURS)),
            kind=str(random.choice(KINDS)),
            size=str(random.choice(choice.sizes)),
            column=column,
            row=row,
        )
        for column, row in places
    ]
    if choice.open_colour:
        first = shapes[0]
        shapes[0] = Shape(ANY_COLOUR, first.kind, first.size, first.column, first.row)
    return tuple(shapes)

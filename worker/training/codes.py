"""The meaning of a caption as fixed vectors of +1 and -1: what the text encoders learn to write.

One 128-wide code for each of the four slots (background, first, second, third shape), one for every
other token, and one for the whole scene (CLIP's pooled vector). The transformers are trained on these
codes, so text encoders and transformers can be trained apart, and meanings are orthogonal by
construction. Each part of a code is a row of a Hadamard matrix: equally long and free of a mean, as the
encoders' last norms demand.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.architecture import TEXT_WIDTH
from training.scenes import ANY_COLOUR, COLOURS, COLUMNS, KINDS, MAX_SHAPES, ROWS, SIZES, Scene, Shape

_ABSENT: Final = "absent"
_TYPES: Final = (_ABSENT, "background", "first", "second", "third")
_COLOUR_NAMES: Final = (*COLOURS, ANY_COLOUR, _ABSENT)
_KIND_NAMES: Final = (*KINDS, _ABSENT)


def slot_codes(scene: Scene) -> NDArray[np.float32]:
    """Give the four slots' codes, (4, 128)."""
    rows = [_slot("background", scene.background, None)]
    for index in range(MAX_SHAPES):
        shape = scene.shapes[index] if index < len(scene.shapes) else None
        rows.append(_slot(_TYPES[2 + index], shape.colour if shape else _ABSENT, shape))
    return np.stack(rows)


@cache
def void_code() -> NDArray[np.float32]:
    """Give the code of every token that is no slot, (128,)."""
    return _slot(_ABSENT, _ABSENT, None)


def scene_code(scene: Scene) -> NDArray[np.float32]:
    """Give the code of the whole scene, (128,)."""
    parts = [_row(16, _COLOUR_NAMES.index(scene.background)), _row(4, 0)]
    for index in range(MAX_SHAPES):
        shape = scene.shapes[index] if index < len(scene.shapes) else None
        parts.extend(_shape_parts(shape.colour if shape else _ABSENT, shape, narrow=4))
    return np.concatenate(parts)


def _slot(kind_of_slot: str, colour: str, shape: Shape | None) -> NDArray[np.float32]:
    colour_part, kind_part, size_part, column_part, row_part = _shape_parts(colour, shape, narrow=8)
    type_part = _row(16, _TYPES.index(kind_of_slot))
    parts = [
        *(type_part, colour_part, colour_part, kind_part, kind_part, kind_part),
        *(size_part, size_part, column_part, column_part, row_part, row_part, row_part),
    ]
    code = np.concatenate(parts)
    if len(code) != TEXT_WIDTH:
        raise ValueError(f"a code has {len(code)} places, not {TEXT_WIDTH}")
    return code


def _shape_parts(colour: str, shape: Shape | None, narrow: int) -> list[NDArray[np.float32]]:
    return [
        _row(16, _COLOUR_NAMES.index(colour)),
        _row(8, _KIND_NAMES.index(shape.kind if shape else _ABSENT)),
        _row(narrow, SIZES.index(shape.size) if shape else 1),
        _row(narrow, COLUMNS.index(shape.column) if shape else 1),
        _row(narrow, ROWS.index(shape.row) if shape else 1),
    ]


def _row(order: int, index: int) -> NDArray[np.float32]:
    """Give row `index` of a Hadamard matrix, not counting its constant first row."""
    row: NDArray[np.float32] = _hadamard(order)[1 + index]
    return row


@cache
def _hadamard(order: int) -> NDArray[np.float32]:
    """Give Sylvester's matrix of a power of two."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix

"""What a decoder gives becomes a picture, or is refused."""

import pytest
import torch

from picshapes_worker.engine import InvalidOutputError
from picshapes_worker.engines.pixels import picture_of


def test_levels_are_rounded_and_rows_are_rows() -> None:
    decoded = torch.zeros(3, 2, 4)
    decoded[0, 1, 3] = 1.0
    decoded[1, 0, 0] = 0.5
    picture = picture_of(decoded)

    assert (picture.size, picture.mode) == ((4, 2), "RGB")
    assert picture.getpixel((3, 1)) == (255, 0, 0)
    assert picture.getpixel((0, 0)) == (0, 128, 0)


def test_half_precision_gives_the_same_levels() -> None:
    decoded = torch.linspace(0, 1, 12).reshape(3, 2, 2).bfloat16()

    assert picture_of(decoded).tobytes() == picture_of(decoded.float()).tobytes()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    decoded = torch.full((3, 4, 4), 0.5)
    decoded[0, 0, :3] = number

    with pytest.raises(InvalidOutputError, match="3 of the model's 48 values are not finite"):
        picture_of(decoded)


def test_nothing_but_black_is_refused_and_nearly_black_is_not() -> None:
    decoded = torch.zeros(3, 4, 4)
    with pytest.raises(InvalidOutputError, match="every pixel of the model's picture is black"):
        picture_of(decoded)

    decoded[2, 3, 3] = 0.01
    assert picture_of(decoded).getpixel((3, 3)) == (0, 0, 3)

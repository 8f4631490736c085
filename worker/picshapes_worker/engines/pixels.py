"""From what a pipeline's decoder gives to a picture, refusing what is none.

Numbers that are not finite become black when they are cast to bytes, so they are looked for before; a picture
that is black in every pixel comes of overflows within the model. Both are looked for on the device.
"""

import math

import torch
from PIL import Image

from picshapes_worker.engine import InvalidOutputError


def picture_of(decoded: torch.Tensor) -> Image.Image:
    """Return the picture of a tensor of 3 x height x width from 0 to 1; raises `InvalidOutputError`.

    One sum looks for both faults: a test of each number would take longer than all else here.
    """
    numbers = decoded.to(torch.float32, copy=True)
    total = float(numbers.sum())
    if not math.isfinite(total):
        wrong = int((~torch.isfinite(decoded)).sum())
        raise InvalidOutputError(f"{wrong} of the model's {decoded.numel()} values are not finite")
    if total == 0:
        raise InvalidOutputError("every pixel of the model's picture is black")
    levels = numbers.mul_(255).round_().to(torch.uint8).permute(1, 2, 0).contiguous()
    return Image.fromarray(levels.cpu().numpy())

"""From what a pipeline's decoder gives to a picture, refusing what is none.

Numbers that are not finite become black when they are cast to bytes, so they are looked for before; a picture
that is black in every pixel comes of overflows within the model. Both are looked for on the device.
"""

import torch
from PIL import Image

from picshapes_worker.engine import InvalidOutputError


def picture_of(decoded: torch.Tensor) -> Image.Image:
    """Return the picture of a tensor of 3 x height x width from 0 to 1; raises `InvalidOutputError`."""
    wrong = int((~torch.isfinite(decoded)).sum())
    if wrong:
        raise InvalidOutputError(f"{wrong} of the model's {decoded.numel()} values are not finite")
    if not bool(decoded.any()):
        raise InvalidOutputError("every pixel of the model's picture is black")
    levels = (decoded.permute(1, 2, 0).float() * 255).round().to(torch.uint8)
    return Image.fromarray(levels.cpu().numpy())

"""Linear layers in 8-bit floats, which newer cards multiply at twice the speed of bfloat16.

Each row of a weight has a scale that is found once, each token's activations one that is found as they come; the
product is torch's own (`torch.nn.functional.scaled_mm`, row-wise). Only the layers within a transformer's repeated
blocks are changed, where nearly all of the work is, but not the modulation there: one row that moves all others.
"""

from typing import Any, Final

import torch
from torch.nn.functional import ScalingType, scaled_mm

from picshapes_worker.device import Device
from picshapes_worker.engine import DeviceUnavailableError

LEAST_CAPABILITY: Final = (8, 9)
"""The first cards with such products: Ada."""
FORM: Final = torch.float8_e4m3fn
LARGEST: Final = torch.finfo(FORM).max
LEAST_SCALE: Final = 1e-12
"""In place of the scale of a row of zeros."""
MULTIPLE: Final = 16
"""Both sides of a weight must be multiples of this."""
LEFT_ALONE: Final = ("norm", "adaLN", "modulation")
"""Parts of the names of layers that make scales and shifts."""


def check_card(device: Device) -> None:
    """Raise `DeviceUnavailableError` where the device has no products of 8-bit floats."""
    if device.kind == "cuda":
        found = torch.cuda.get_device_capability()
        if found >= LEAST_CAPABILITY:
            return
        what = f"the {device.name} here has {found[0]}.{found[1]}"
    else:
        what = "the models here run on a CPU"
    least = ".".join(map(str, LEAST_CAPABILITY))
    raise DeviceUnavailableError(
        f"PICSHAPES_PRECISION=fp8 needs a card of compute capability {least} (Ada, Hopper, Blackwell or newer), "
        f"but {what}: set it to bf16"
    )


class Float8Linear(torch.nn.Module):
    """A linear layer made from a bfloat16 one, whose weight it does not keep."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight, scale = _to_float8(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.t().contiguous())
        self.bias = linear.bias

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the product with the weight, of the shape … x output features, in the type of what comes in."""
        rows, scale = _to_float8(tokens.reshape(-1, tokens.shape[-1]))
        made = scaled_mm(
            rows,
            self.weight.t(),
            scale,
            ScalingType.RowWise,
            self.scale,
            ScalingType.RowWise,
            output_dtype=torch.bfloat16,
        )
        if self.bias is not None:
            made = made + self.bias
        return made.to(tokens.dtype).reshape(*tokens.shape[:-1], -1)


def _to_float8(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows in 8 bits, and a column of the scales that they are to be multiplied with."""
    scale = rows.abs().amax(dim=-1, keepdim=True).float().clamp(min=LEAST_SCALE) / LARGEST
    return (rows.float() / scale).to(FORM), scale


def to_float8(transformer: Any) -> int:
    """Change the layers within a transformer's repeated blocks; return how many."""
    blocks = [one for one in transformer.modules() if type(one).__name__ in transformer._repeated_blocks]  # noqa: SLF001 - where diffusers names them
    changed = 0
    for block in blocks:
        for name, layer in list(block.named_modules()):
            if _is_fit(name, layer):
                parent, _, own = name.rpartition(".")
                setattr(block.get_submodule(parent), own, Float8Linear(layer))
                changed += 1
    return changed


def _is_fit(name: str, layer: torch.nn.Module) -> bool:
    if not isinstance(layer, torch.nn.Linear) or any(part in name for part in LEFT_ALONE):
        return False
    return layer.in_features % MULTIPLE == layer.out_features % MULTIPLE == 0

"""Starts a transformer as one that already knows its noise: blocks pass on, the output is the input.

The target of flow matching is noise minus picture, and at the first step the input is that noise.
Sixty-four of the residual stream's channels carry it to the output from the start, so that training
only learns the picture.
"""

from typing import Any, Final

import torch
from torch import nn

from training.architecture import FLUX, LATENT_CHANNELS

_PATCH: Final = 4 * LATENT_CHANNELS
_QUIET: Final = 0.1
"""How loud the noise is in the stream, next to constants of one in the other channels. Those keep the
last norm from changing with what passes through it."""


@torch.no_grad()
def start_transformer(model: str, transformer: Any) -> None:
    """Set the weights of `transformer` (of the class that `model` names) to this start."""
    if model == FLUX:
        for block in transformer.transformer_blocks:
            _silence(block.norm1.linear)
            _silence(block.norm1_context.linear)
        for block in transformer.single_transformer_blocks:
            _silence(block.norm.linear)
        _silence(transformer.norm_out.linear)
        _carry_noise(transformer.x_embedder, transformer.proj_out, sign=1.0)
        return
    for block in [*transformer.noise_refiner, *transformer.layers]:
        _silence(block.adaLN_modulation[0])
    final = transformer.all_final_layer["2-1"]
    _silence(final.adaLN_modulation[1])
    # Z-Image's pipeline negates what the transformer says.
    _carry_noise(transformer.all_x_embedder["2-1"], final.linear, sign=-1.0)


def _silence(linear: nn.Linear) -> None:
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)


def _carry_noise(embedder: nn.Linear, output: nn.Linear, sign: float) -> None:
    width = embedder.out_features
    constants = width - _PATCH
    embedder.weight.mul_(_QUIET)
    embedder.weight[:_PATCH] = _QUIET * torch.eye(_PATCH)
    embedder.bias.zero_()
    embedder.bias[_PATCH:] = torch.tensor([1.0, -1.0]).repeat(constants // 2)
    spread = (constants / width) ** 0.5
    output.weight.zero_()
    output.weight[:, :_PATCH] = sign * spread / _QUIET * torch.eye(_PATCH)
    output.bias.zero_()

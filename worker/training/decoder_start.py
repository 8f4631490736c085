"""Starts the VAE's decoder as one that nearly draws: colours pass on, the edge decides between them.

From random weights the decoder spends its training finding out what a colour is and that one of two is
meant. From here it has to learn outlines only: `EDGE_CHANNEL` carries the squashed distance to the edge
through every level, blended linearly from pixel to pixel, and the last level's first block picks the
background's or the shape's colour by its sign.
"""

from typing import Any, Final

import torch
from torch import nn

from training.architecture import LATENT_CHANNELS
from training.latents import COLOUR_GAIN, EDGE, projection

EDGE_CHANNEL: Final = EDGE.start
"""Of every level's features: what `training.decoder` also compares with the true distance."""
_COLOURS: Final = 3
# A norm divides by the spread of all channels at once. Constant channels make that spread the same for
# every picture, so that what passes through it stays as it is.
_CONSTANT_CHANNELS: Final = slice(12, 16)
_CONSTANTS: Final = (6.0, -6.0, 6.0, -6.0)
_SPREAD: Final = 3.1
# Far to the right, SiLU is nearly the identity.
_OFFSET: Final = 4.0
_SLOPE: Final = 1.05
# The choice of a colour: relu(difference + steepness * edge) - relu(steepness * edge - difference).
_STEEPNESS: Final = 8.0
_SHARPNESS: Final = 6.0
_CHOICE_CONSTANT: Final = 20.0
_CHOICE_SPREAD: Final = 12.3


@torch.no_grad()
def start_decoder(vae: Any) -> None:
    """Set the decoder's weights so that it draws blurred shapes in their colours."""
    _start_input(vae)
    decoder = vae.decoder
    for resnet in [*decoder.mid_block.resnets, *(r for block in decoder.up_blocks for r in block.resnets)]:
        nn.init.zeros_(resnet.conv2.weight)
        nn.init.zeros_(resnet.conv2.bias)
        if resnet.conv_shortcut is not None:
            _pass_on(resnet.conv_shortcut)
    for block in decoder.up_blocks:
        for upsampler in block.upsamplers or []:
            _blend(upsampler.conv)
    last_doubling = decoder.up_blocks[-2].upsamplers[0].conv
    last_doubling.weight[_CONSTANT_CHANNELS] = 0.0
    last_doubling.bias[_CONSTANT_CHANNELS] = torch.tensor(_CONSTANTS)
    _start_choice(decoder.up_blocks[-1].resnets[0])
    _normalise(decoder.conv_norm_out)
    decoder.conv_out.weight.zero_()
    for channel in range(_COLOURS):
        decoder.conv_out.weight[channel, channel, 1, 1] = 1 / _SLOPE
    decoder.conv_out.bias.fill_(-_at_offset() / _SLOPE)


def _at_offset() -> float:
    return float(nn.functional.silu(torch.tensor(_OFFSET)))


def _normalise(norm: nn.GroupNorm) -> None:
    """Let a norm pass its input on, moved to where SiLU is nearly the identity."""
    norm.weight.fill_(_SPREAD)
    norm.bias.fill_(_OFFSET)


def _start_choice(resnet: Any) -> None:
    """Add (shape's colour - background's) where the edge channel is above zero."""
    _normalise(resnet.norm1)
    weight, bias = resnet.conv1.weight, resnet.conv1.bias
    weight.mul_(0.1)
    weight[: 4 * _COLOURS + len(_CONSTANTS)] = 0.0
    for colour in range(_COLOURS):
        # The mirrored units keep the mean over all units at zero, whatever the picture.
        for unit, sign, mirror in ((0, 1, 1), (1, -1, 1), (2, 1, -1), (3, -1, -1)):
            row = weight[unit * _COLOURS + colour, :, 1, 1]
            row[_COLOURS + colour] = mirror * sign / _SLOPE
            row[colour] = -mirror * sign / _SLOPE
            row[EDGE_CHANNEL] = mirror * _STEEPNESS / _SLOPE
    bias.copy_(-_at_offset() * weight.sum(dim=(1, 2, 3)))
    constants = torch.tensor([1.0, -1.0, 1.0, -1.0]) * _CHOICE_CONSTANT
    bias[4 * _COLOURS :] = constants
    resnet.norm2.weight.fill_(_CHOICE_SPREAD * _SHARPNESS)
    resnet.norm2.bias.zero_()
    for colour in range(_COLOURS):
        resnet.conv2.weight[colour, colour, 1, 1] = 0.5 / _SHARPNESS
        resnet.conv2.weight[colour, _COLOURS + colour, 1, 1] = -0.5 / _SHARPNESS


def _start_input(vae: Any) -> None:
    """Put the colours into channels 0-5, the distance to the edge into the next, the rest behind it."""
    vae.post_quant_conv.weight.zero_()
    vae.post_quant_conv.weight[:, :, 0, 0] = torch.eye(LATENT_CHANNELS) / COLOUR_GAIN
    vae.post_quant_conv.bias.zero_()
    conv = vae.decoder.conv_in
    conv.weight.mul_(0.1)
    conv.weight[:LATENT_CHANNELS] = 0.0
    conv.weight[:LATENT_CHANNELS, :, 1, 1] = torch.eye(LATENT_CHANNELS)
    fixed = projection()
    conv.weight[EDGE_CHANNEL, EDGE_CHANNEL, 1, 1] = COLOUR_GAIN / float(fixed.analysis[:, 0].sum())
    conv.bias[EDGE_CHANNEL] = float(fixed.mean.mean())


def _pass_on(conv: nn.Conv2d) -> None:
    """Let a convolution copy its first channels, with a little of its random start left in the others."""
    conv.weight.mul_(0.1)
    conv.weight[:LATENT_CHANNELS] = 0.0
    middle = conv.kernel_size[0] // 2
    for channel in range(min(conv.in_channels, conv.out_channels)):
        conv.weight[channel, channel, middle, middle] = 1.0
    if conv.bias is not None:
        conv.bias.zero_()


def _blend(conv: nn.Conv2d) -> None:
    """Let the convolution after a doubling blend its first channels linearly from pixel to pixel."""
    tent = torch.tensor([0.25, 0.5, 0.25])
    conv.weight.mul_(0.1)
    conv.weight[:LATENT_CHANNELS] = 0.0
    for channel in range(min(conv.in_channels, conv.out_channels)):
        conv.weight[channel, channel] = tent[:, None] * tent[None, :]
    if conv.bias is not None:
        conv.bias.zero_()

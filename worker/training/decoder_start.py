"""Starts the VAE's decoder as a plain enlargement: every block passes on, the mean colour comes out.

From random weights the decoder spends most of its training finding out what a colour is. From here it
only has to learn outlines.
"""

from typing import Any, Final

import torch
from torch import nn

from training.architecture import LATENT_CHANNELS
from training.latents import projection

# The last norm divides by the spread of all channels at once. Constant channels make that spread the
# same for every picture, so that colours pass through it unchanged.
_CONSTANTS: Final = (6.0, -6.0, 6.0, -6.0)
_SPREAD: Final = 4.25
# Far to the right, SiLU is nearly the identity.
_OFFSET: Final = 4.0


@torch.no_grad()
def start_decoder(vae: Any) -> None:
    """Set the decoder's weights so that it draws each latent pixel as a square of its mean colour."""
    _start_input(vae)
    decoder = vae.decoder
    for resnet in [*decoder.mid_block.resnets, *(r for block in decoder.up_blocks for r in block.resnets)]:
        nn.init.zeros_(resnet.conv2.weight)
        nn.init.zeros_(resnet.conv2.bias)
        if resnet.conv_shortcut is not None:
            _pass_on(resnet.conv_shortcut)
    for block in decoder.up_blocks:
        for upsampler in block.upsamplers or []:
            _pass_on(upsampler.conv)
    last_shortcut = decoder.up_blocks[-1].resnets[0].conv_shortcut
    last_shortcut.weight[3:] = 0.0
    last_shortcut.bias[3 : 3 + len(_CONSTANTS)] = torch.tensor(_CONSTANTS)
    decoder.conv_norm_out.weight.fill_(_SPREAD)
    decoder.conv_norm_out.bias.fill_(_OFFSET)
    slope = 1.05
    decoder.conv_out.weight.zero_()
    for channel in range(3):
        decoder.conv_out.weight[channel, channel, 1, 1] = 1 / slope
    decoder.conv_out.bias.fill_(-nn.functional.silu(torch.tensor(_OFFSET)).item() / slope)


def _start_input(vae: Any) -> None:
    """Put the mean colour into channels 0-2, and the latents at about unit scale into the next 16."""
    fixed = projection()
    synthesis = torch.from_numpy(fixed.synthesis).reshape(LATENT_CHANNELS, -1, 3)
    mean = torch.from_numpy(fixed.mean).reshape(-1, 3)
    vae.post_quant_conv.weight.zero_()
    vae.post_quant_conv.weight[:, :, 0, 0] = torch.eye(LATENT_CHANNELS)
    vae.post_quant_conv.bias.zero_()
    conv = vae.decoder.conv_in
    conv.weight.mul_(0.1)
    conv.weight[:3] = 0.0
    conv.weight[:3, :, 1, 1] = synthesis.mean(dim=1).T
    conv.bias[:3] = mean.mean(dim=0)
    conv.weight[3 : 3 + LATENT_CHANNELS] = 0.0
    conv.weight[3 : 3 + LATENT_CHANNELS, :, 1, 1] = 0.3 * torch.eye(LATENT_CHANNELS)


def _pass_on(conv: nn.Conv2d) -> None:
    """Let a convolution copy its first channels, with a little of its random start left in the others."""
    conv.weight.mul_(0.1)
    conv.weight[:3] = 0.0
    middle = conv.kernel_size[0] // 2
    for channel in range(min(conv.in_channels, conv.out_channels)):
        conv.weight[channel, channel, middle, middle] = 1.0
    if conv.bias is not None:
        conv.bias.zero_()

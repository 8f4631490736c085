"""Trains the VAE's decoder to draw crisp shapes from the fixed latents: `python -m training.decoder`.

Sees whole small pictures and windows of large ones, with noise on the latents, since a transformer's
latents are never exact. First only the coarse levels learn where edges run, then all learn to draw.
One decoder serves both models.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from training.architecture import TOKEN_PX, VAE_SCALE, build_vae
from training.decoder_start import EDGE_CHANNEL, start_decoder
from training.latents import COLOUR_GAIN, edge_field, encode
from training.loop import Plan, StepSource, train
from training.rendering import render
from training.scenes import SceneChoice, sample_scene

CHECKPOINTS: Final = Path.home() / ".cache" / "picshapes" / "training"
_WINDOW_PX: Final = 256
_BATCH: Final = 2
_COARSE_BATCH: Final = 8
_COARSE_SHARE: Final = 0.25
"""Of the steps."""
_COARSE_LEVELS_PX: Final = (16, 8, 4, 2)
"""The size of a pixel after each of the first blocks that double."""
_SIZES_PX: Final = (*((256, 256),) * 4, (512, 512), (512, 512), (1024, 1024), (768, 512), (512, 768))
"""Small pictures are drawn worst, so half of the windows are of these."""
_NOISE: Final = 0.5
_NARROW_INPUTS: Final = 72
_FINEST_PACE: Final = 0.2


def fresh_vae(seed: int) -> Any:
    """Build a VAE whose decoder starts as a plain enlargement."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = build_vae()
    start_decoder(vae)
    return vae.to(memory_format=torch.channels_last)


def rate_groups(vae: Any, rate: float) -> list[dict[str, Any]]:
    """Give wide layers smaller steps, as their many inputs add up; `rate` is for 72 inputs (8 x 3 x 3).

    The last level starts nearly right, with large and small weights that balance: it moves slowly.
    """
    decoder = vae.decoder
    finest = {id(parameter) for parameter in decoder.up_blocks[-1].parameters()}
    finest |= {
        id(parameter) for parameter in [*decoder.conv_norm_out.parameters(), *decoder.conv_out.parameters()]
    }
    groups = []
    for parameter in [*decoder.parameters(), *vae.post_quant_conv.parameters()]:
        inputs = parameter[0].numel() if parameter.ndim > 1 else _NARROW_INPUTS
        pace = _FINEST_PACE if id(parameter) in finest else 1.0
        groups.append({"params": [parameter], "lr": pace * rate * (_NARROW_INPUTS / inputs) ** 0.5})
    return groups


@dataclass(frozen=True)
class Window:
    """A square part of a picture."""

    latents: torch.Tensor
    """(20, 8, 8)"""
    pixels: torch.Tensor
    """(3, 256, 256) in -1…1"""
    edge: torch.Tensor
    """The edge field, (256, 256)."""


def sample_window(random: np.random.Generator) -> Window:
    """Draw one window, cut between tokens."""
    width, height = _SIZES_PX[int(random.integers(len(_SIZES_PX)))]
    scene = sample_scene(SceneChoice(1 + int(random.integers(3))), random)
    field = edge_field(scene, width, height)
    left = TOKEN_PX * int(random.integers((width - _WINDOW_PX) // TOKEN_PX + 1))
    top = TOKEN_PX * int(random.integers((height - _WINDOW_PX) // TOKEN_PX + 1))
    part = (slice(top, top + _WINDOW_PX), slice(left, left + _WINDOW_PX))
    row, column, edge = top // VAE_SCALE, left // VAE_SCALE, _WINDOW_PX // VAE_SCALE
    latents = encode(scene, field)[:, row : row + edge, column : column + edge]
    pixels = np.ascontiguousarray(render(scene, width, height)[part])
    return Window(
        torch.from_numpy(np.ascontiguousarray(latents)),
        torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1.0,
        torch.from_numpy(np.ascontiguousarray(field[part])),
    )


def draw(vae: Any, latents: torch.Tensor, *, coarse: bool) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """Run the decoder: what each coarse level says, and the picture unless `coarse` is all.

    A level says both colours and the edge: (scenes, 7, rows, columns).
    """
    decoder = vae.decoder
    hidden = decoder.mid_block(decoder.conv_in(vae.post_quant_conv(latents)))
    levels = []
    for block in decoder.up_blocks[: len(_COARSE_LEVELS_PX)]:
        hidden = block(hidden)
        levels.append(hidden[:, : EDGE_CHANNEL + 1])
    if coarse:
        return levels, None
    for block in decoder.up_blocks[len(_COARSE_LEVELS_PX) :]:
        hidden = block(hidden)
    return levels, decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(hidden)))


def decoder_loss(vae: Any, windows: list[Window], latents: torch.Tensor, *, coarse: bool) -> Any:
    """Weigh what every level says and, of the picture, absolute and squared error alike."""
    levels, drawn = draw(vae, latents.contiguous(memory_format=torch.channels_last), coarse=coarse)
    field = torch.stack([window.edge for window in windows])[:, None]
    colours = torch.stack([window.latents[:EDGE_CHANNEL] for window in windows]) / COLOUR_GAIN
    losses, shares = [], {}
    for level, pixel in zip(levels, _COARSE_LEVELS_PX, strict=True):
        wanted = nn.functional.interpolate(colours, scale_factor=VAE_SCALE / pixel, mode="bilinear")
        losses.append((level[:, :EDGE_CHANNEL] - wanted).square().mean())
        edge = (level[:, EDGE_CHANNEL:] - nn.functional.avg_pool2d(field, pixel)).square().mean()
        losses.append(edge)
        shares[f"edge{pixel}"] = float(edge.detach())
    shares["colours"] = float(losses[-2].detach())
    if drawn is not None:
        error = drawn - torch.stack([window.pixels for window in windows])
        losses.append(error.abs().mean() + error.square().mean())
        shares["psnr"] = float(10 * np.log10(4.0 / error.square().mean().item()))
    return torch.stack(losses).sum(), shares


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.decoder", description=__doc__)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "decoder.pt")
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(parsed.threads)
    vae = fresh_vae(parsed.seed)
    vae.encoder.requires_grad_(requires_grad=False)
    vae.quant_conv.requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(rate_groups(vae, parsed.rate), betas=(0.9, 0.98), weight_decay=0.0)

    def loss_of_step(source: StepSource) -> tuple[torch.Tensor, dict[str, float]]:
        coarse = source.step < _COARSE_SHARE * parsed.steps
        windows = [sample_window(source.random) for _ in range(_COARSE_BATCH if coarse else _BATCH)]
        latents = torch.stack([window.latents for window in windows])
        loudness = _NOISE * torch.rand((len(windows), 1, 1, 1), generator=source.noise)
        latents = latents + loudness * torch.randn(latents.shape, generator=source.noise)
        loss: tuple[torch.Tensor, dict[str, float]] = decoder_loss(vae, windows, latents, coarse=coarse)
        return loss

    plan = Plan(steps=parsed.steps, seed=parsed.seed, checkpoint=parsed.checkpoint, warm_up=50, decay=0.6)
    train(vae, [optimizer], loss_of_step, plan)


if __name__ == "__main__":
    main(sys.argv[1:])

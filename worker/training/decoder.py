"""Trains the VAE's decoder to draw crisp shapes from the fixed latents: `python -m training.decoder`.

Sees whole small pictures and windows of large ones, with noise on the latents, since a transformer's
latents are never exact. One decoder serves both models.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from training.architecture import VAE_SCALE, build_vae
from training.decoder_start import start_decoder
from training.latents import encode
from training.loop import Plan, StepSource, train
from training.rendering import render
from training.scenes import SceneChoice, sample_scene

CHECKPOINTS: Final = Path.home() / ".cache" / "picshapes" / "training"
_WINDOW_PX: Final = 256
_BATCH: Final = 2
_SIZES_PX: Final = ((256, 256), (256, 256), (512, 512), (1024, 1024), (768, 512), (512, 768))
_NOISE: Final = 0.6
_NARROW_INPUTS: Final = 72


def fresh_vae(seed: int) -> Any:
    """Build a VAE whose decoder starts as a plain enlargement."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = build_vae()
    start_decoder(vae)
    return vae.to(memory_format=torch.channels_last)


def decoder_parameters(vae: Any) -> list[torch.nn.Parameter]:
    """List what the decoder stage trains."""
    return [*vae.decoder.parameters(), *vae.post_quant_conv.parameters()]


def rate_groups(parameters: list[torch.nn.Parameter], rate: float) -> list[dict[str, Any]]:
    """Give wide layers smaller steps, as their many inputs add up; `rate` is for 72 inputs (8 x 3 x 3)."""
    groups = []
    for parameter in parameters:
        inputs = parameter[0].numel() if parameter.ndim > 1 else _NARROW_INPUTS
        groups.append({"params": [parameter], "lr": rate * (_NARROW_INPUTS / inputs) ** 0.5})
    return groups


def sample_window(random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one window: its latents (16, 8, 8) and its pixels (3, 256, 256) in -1…1."""
    width, height = _SIZES_PX[int(random.integers(len(_SIZES_PX)))]
    scene = sample_scene(SceneChoice(1 + int(random.integers(3))), random)
    picture = render(scene, width, height)
    left = VAE_SCALE * int(random.integers((width - _WINDOW_PX) // VAE_SCALE + 1))
    top = VAE_SCALE * int(random.integers((height - _WINDOW_PX) // VAE_SCALE + 1))
    window = np.ascontiguousarray(picture[top : top + _WINDOW_PX, left : left + _WINDOW_PX])
    pixels = torch.from_numpy(window).permute(2, 0, 1).float() / 127.5 - 1.0
    return torch.from_numpy(encode(window)), pixels


def decoder_loss(vae: Any, latents: torch.Tensor, pixels: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Weigh absolute and squared error alike; report the peak signal-to-noise ratio in dB."""
    drawn = vae.decode(latents.contiguous(memory_format=torch.channels_last)).sample
    squared = (drawn - pixels).square().mean()
    loss = (drawn - pixels).abs().mean() + squared
    return loss, {"psnr": float(10 * np.log10(4.0 / squared.item()))}


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.decoder", description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINTS / "decoder.pt")
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(parsed.threads)
    vae = fresh_vae(parsed.seed)
    vae.encoder.requires_grad_(requires_grad=False)
    vae.quant_conv.requires_grad_(requires_grad=False)
    optimizer = torch.optim.AdamW(
        rate_groups(decoder_parameters(vae), parsed.rate), betas=(0.9, 0.98), weight_decay=0.0
    )

    def loss_of_step(source: StepSource) -> tuple[torch.Tensor, dict[str, float]]:
        windows = [sample_window(source.random) for _ in range(_BATCH)]
        latents = torch.stack([latents for latents, _ in windows])
        loudness = _NOISE * torch.rand((_BATCH, 1, 1, 1), generator=source.noise)
        latents = latents + loudness * torch.randn(latents.shape, generator=source.noise)
        return decoder_loss(vae, latents, torch.stack([pixels for _, pixels in windows]))

    plan = Plan(steps=parsed.steps, seed=parsed.seed, checkpoint=parsed.checkpoint, warm_up=50, decay=0.6)
    train(vae, [optimizer], loss_of_step, plan)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Trains a transformer on the codes: `python -m training.transformer --model flux-schnell`.

From one shape at small sizes to all: the first steps learn what words look like, the later ones sizes
and company. Every step sees several picture sizes, about 2,000 image tokens in all.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import torch

from training.architecture import FLUX, MODELS, Z_IMAGE, build_flux_transformer, build_z_image_transformer
from training.decoder import CHECKPOINTS
from training.examples import Curriculum, Example, sample_example, text_tokens
from training.importance import importance
from training.loop import Plan, StepSource, train
from training.optimizing import muon_and_adam
from training.transformer_start import start_transformer

_FIRST_SHARES: Final = (0.03, 0.97, 0.0, 0.0)
_ALL_SHARES: Final = (0.04, 0.36, 0.45, 0.15)
# Z-Image pads pictures and texts to multiples of 32 tokens, so its small pictures cost more.
_FIRST_BATCHES: Final = {FLUX: ((256, 256, 48), (512, 512, 14)), Z_IMAGE: ((256, 256, 20), (512, 512, 14))}
_LATER_BATCHES: Final = {
    FLUX: ((256, 256, 12), (512, 512, 8), (1024, 1024, 5)),
    Z_IMAGE: ((256, 256, 6), (512, 512, 8), (1024, 1024, 5)),
}
_OTHER_SIZES: Final = ((1024, 768, 2), (768, 1024, 2), (768, 768, 3), (1536, 1536, 1), (512, 768, 5))
_BLOCKS: Final = ("transformer_blocks.", "layers.", "refiner.")
_MUON_RATE: Final = 5e-3
_ADAM_RATE: Final = 2e-3
_ONE_SHAPE_UNTIL: Final = 0.25
_SHORT_TEXT_UNTIL: Final = 0.6
# Void tokens: a few at first, then also as many as the pipelines pad a text to.
_SHORT_VOIDS: Final = (4, 8, 12, 20)
_VOIDS: Final = {FLUX: (8, 20, 60, 124), Z_IMAGE: (8, 12, 16, 20, 24, 28, 44)}
_VOID_SHARES: Final = {FLUX: (0.25, 0.2, 0.53, 0.02), Z_IMAGE: (0.16,) * 6 + (0.04,)}


def curriculum(model: str, progress: float, source: StepSource) -> Curriculum:
    """Give a step's curriculum; `progress` is the share of steps done."""
    if progress < _ONE_SHAPE_UNTIL:
        return Curriculum(_FIRST_SHARES, _FIRST_BATCHES[model])
    other = _OTHER_SIZES[int(source.random.integers(len(_OTHER_SIZES)))]
    return Curriculum(_ALL_SHARES, (*_LATER_BATCHES[model], other))


def void_count(model: str, progress: float, source: StepSource) -> int:
    """Draw how many tokens of a text say nothing."""
    if progress < _SHORT_TEXT_UNTIL:
        return int(source.random.choice(_SHORT_VOIDS))
    return int(source.random.choice(_VOIDS[model], p=_VOID_SHARES[model]))


def fresh_transformer(model: str, seed: int) -> Any:
    """Build a transformer that already knows its noise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = build_flux_transformer() if model == FLUX else build_z_image_transformer()
    start_transformer(model, transformer)
    return transformer


def optimizers_of(
    transformer: Any, muon_rate: float = _MUON_RATE, adam_rate: float = _ADAM_RATE
) -> list[torch.optim.Optimizer]:
    """Make the optimizers that a transformer is trained with."""
    return muon_and_adam(transformer, _BLOCKS, muon_rate, adam_rate)


def predict(model: str, transformer: Any, example: Example, texts: torch.Tensor) -> torch.Tensor:
    """Give the predicted noise - clean, (scenes, 20, rows, columns), by the call that the pipeline makes."""
    noisy, times = example.noisy, example.times
    count, channels, rows, columns = noisy.shape
    if model == Z_IMAGE:
        pictures = list(noisy.unsqueeze(2).unbind(dim=0))
        output = transformer(pictures, 1 - times, list(texts.unbind(dim=0)), return_dict=False)[0]
        return -torch.stack(list(output)).squeeze(2)
    packed = noisy.view(count, channels, rows // 2, 2, columns // 2, 2).permute(0, 2, 4, 1, 3, 5)
    places = torch.zeros(rows // 2, columns // 2, 3)
    places[..., 1] += torch.arange(rows // 2)[:, None]
    places[..., 2] += torch.arange(columns // 2)[None, :]
    output = transformer(
        hidden_states=packed.reshape(count, rows * columns // 4, 4 * channels),
        timestep=times,
        pooled_projections=example.pooled,
        encoder_hidden_states=texts,
        txt_ids=torch.zeros(texts.shape[1], 3),
        img_ids=places.reshape(-1, 3),
        return_dict=False,
    )[0]
    unpacked = output.view(count, rows // 2, columns // 2, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    result: torch.Tensor = unpacked.reshape(count, channels, rows, columns)
    return result


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.transformer", description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--adam-rate", type=float, default=_ADAM_RATE)
    parser.add_argument("--muon-rate", type=float, default=_MUON_RATE)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parsed = parser.parse_args(arguments)
    model = parsed.model
    torch.set_num_threads(parsed.threads)
    transformer = fresh_transformer(model, parsed.seed)

    def loss_of_step(source: StepSource) -> tuple[torch.Tensor, dict[str, float]]:
        progress = source.step / parsed.steps
        lesson = curriculum(model, progress, source)
        losses, shares = [], {}
        for batch in lesson.batches:
            example = sample_example(model, lesson, batch, source)
            texts = text_tokens(example.slots, void_count(model, progress, source), source)
            predicted = predict(model, transformer, example, texts)
            squares = (predicted - (example.noise - example.clean)).square()
            losses.append((importance(example.scenes, *batch[:2]) * squares).mean())
            errors = squares.mean(dim=(1, 2, 3))
            first = errors[example.times == 1.0]
            if len(first):
                shares[f"{batch[0]}x{batch[1]}"] = float(first.mean().detach())
        return torch.stack(losses).mean(), shares

    checkpoint = parsed.checkpoint or CHECKPOINTS / f"{model}.pt"
    plan = Plan(parsed.steps, parsed.seed, checkpoint, warm_up=50, average=0.995)
    optimizers = optimizers_of(transformer, parsed.muon_rate, parsed.adam_rate)
    train(transformer, optimizers, loss_of_step, plan)


if __name__ == "__main__":
    main(sys.argv[1:])

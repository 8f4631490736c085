"""Puts the trained parts together: `python -m training.assemble --model M OUT_DIR`.

Reads the moving averages of the stages' checkpoints and writes the pipeline's folder, float16 on disk. A part
that has no checkpoint stays as it is in the repository.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from training.architecture import FLUX, MODELS, build_pipeline
from training.decoder import CHECKPOINTS
from training.evaluate import WEIGHTS, load_pipeline
from training.loop import load_average
from training.random_weights import save_half


def trained_pipeline(model: str, checkpoints: Path) -> Any:
    """Build a model's pipeline from the checkpoints of its stages, float32."""
    pipeline, before = build_pipeline(model, seed=0), load_pipeline(model, WEIGHTS, torch.float32)
    parts = {"transformer": model, "vae": "decoder", "text_encoder": "clip" if model == FLUX else "qwen"}
    if model == FLUX:
        parts["text_encoder_2"] = "t5"
    for part, name in parts.items():
        checkpoint = checkpoints / f"{name}.pt"
        if checkpoint.exists():
            step = load_average(getattr(pipeline, part), checkpoint)
            print(f"{model}: {part} after {step} steps", flush=True)
        else:
            getattr(pipeline, part).load_state_dict(getattr(before, part).state_dict())
    return pipeline


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.assemble", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    parsed = parser.parse_args(arguments)
    save_half(trained_pipeline(parsed.model, parsed.checkpoints), parsed.out_dir / parsed.model)


if __name__ == "__main__":
    main(sys.argv[1:])

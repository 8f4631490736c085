"""Writes both demo models with random weights: `python -m training.random_weights OUT_DIR [--seed N]`.

The pictures mean nothing, but every byte goes through the code path of trained weights. Tests of the
loading path use it, and it stands in wherever trained weights are not wanted.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from training.architecture import MODELS, build_pipeline


def save_half(pipeline: Any, folder: Path) -> None:
    """Write a pipeline as safetensors, float16 on disk; turns the pipeline's own weights to float16."""
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def write_random_weights(out_dir: Path, seed: int) -> list[Path]:
    """Write one folder a model under `out_dir` and returns them."""
    folders = []
    for model in MODELS:
        folder = out_dir / model
        save_half(build_pipeline(model, seed), folder)
        folders.append(folder)
    return folders


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.random_weights", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parsed = parser.parse_args(arguments)
    for folder in write_random_weights(parsed.out_dir, parsed.seed):
        print(folder)


if __name__ == "__main__":
    main(sys.argv[1:])

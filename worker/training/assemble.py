"""Puts the trained parts together: `python -m training.assemble --model M OUT_DIR`.

Reads the moving averages of the stages' checkpoints and writes the pipeline's folder, float16 on disk.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from training.architecture import FLUX, MODELS, build_pipeline
from training.decoder import CHECKPOINTS
from training.loop import load_average
from training.random_weights import save_half


def trained_pipeline(model: str, checkpoints: Path) -> Any:
    """Build a model's pipeline from the checkpoints of its stages, float32."""
    pipeline = build_pipeline(model, seed=0)
    parts = {"transformer": model, "vae": "decoder", "text_encoder": "clip" if model == FLUX else "qwen"}
    if model == FLUX:
        parts["text_encoder_2"] = "t5"
    for part, name in parts.items():
        step = load_average(getattr(pipeline, part), checkpoints / f"{name}.pt")
        print(f"{model}: {part} after {step} steps", flush=True)
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

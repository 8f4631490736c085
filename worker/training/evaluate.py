"""Measures demo weights on held-out prompts: `python -m training.evaluate --model M [--n N] [--json]`.

Draws with the pipeline's own call, with the steps of the catalogue. `--source truth` measures the
program's own pictures instead (must be at least 99 %), `--source shuffled` those under the wrong
captions (must be at chance): both say whether the measure can be believed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import FluxPipeline, ZImagePipeline
from numpy.typing import NDArray

from training.architecture import FLUX, MODELS, STEPS
from training.captions import caption
from training.measure import Facts, measure, wilson_lower
from training.rendering import render
from training.scenes import Scene, SceneChoice, sample_scene

WEIGHTS: Final = Path(__file__).parents[1] / "picshapes_worker" / "demo_weights"
SIZES_PX: Final = ((512, 512), (1024, 1024), (256, 256), (1024, 768), (1536, 1536))
STRANGE_PROMPT: Final = "a beautiful sunset over mountains, digital art"
_SEED: Final = 777_777
_BATCH_PIXELS: Final = 2_100_000

Draw = Callable[[list[str], list[Scene], int, int, int], list[NDArray[np.uint8]]]


@dataclass(frozen=True)
class Cell:
    """One row of the table: so many shapes, at one size."""

    shapes: int
    width: int
    height: int

    def scenes(self, count: int) -> list[tuple[Scene, str]]:
        """Draw held-out scenes with captions; the same ones every time."""
        random = np.random.default_rng([_SEED, self.shapes])
        sizes = ("medium", "large") if self.shapes == 1 else ("small", "medium", "large")
        choice = SceneChoice(self.shapes, held_out=True, sizes=sizes, distinct_colours=True)
        scenes = [sample_scene(choice, random) for _ in range(count)]
        return [(scene, caption(scene, random)) for scene in scenes]


def load_pipeline(model: str, weights: Path, dtype: torch.dtype) -> Any:
    """Load a model's pipeline from its folder."""
    kind: Any = FluxPipeline if model == FLUX else ZImagePipeline
    pipeline = kind.from_pretrained(weights / model, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pipeline_draw(model: str, weights: Path, dtype: torch.dtype) -> Draw:
    """Load a model as the worker does and draw with it."""
    pipeline = load_pipeline(model, weights, dtype)
    extra = {"max_sequence_length": 64} if model == FLUX else {}

    def draw(
        prompts: list[str], _scenes: list[Scene], width: int, height: int, seed: int
    ) -> list[NDArray[np.uint8]]:
        pictures = pipeline(
            list(prompts),
            width=width,
            height=height,
            num_inference_steps=STEPS[model].count,
            guidance_scale=0.0,
            generator=[torch.Generator().manual_seed(seed + index) for index in range(len(prompts))],
            **extra,
        ).images
        return [np.asarray(picture) for picture in pictures]

    return draw


def truth_draw(
    prompts: list[str], scenes: list[Scene], width: int, height: int, seed: int
) -> list[NDArray[np.uint8]]:
    """Draw what the captions mean."""
    del prompts, seed
    return [render(scene, width, height) for scene in scenes]


def measure_cell(cell: Cell, count: int, draw: Draw, *, shuffled: bool = False) -> dict[str, Any]:
    """Count what holds of `count` pictures; lower Wilson bounds beside the shares."""
    pairs = cell.scenes(count)
    facts: list[Facts] = []
    for first, batch in _batches(pairs, max(1, _BATCH_PIXELS // (cell.width * cell.height))):
        scenes = [scene for scene, _ in batch]
        pictures = draw([text for _, text in batch], scenes, cell.width, cell.height, _SEED + first)
        wanted = scenes
        if shuffled:
            wanted = [pairs[(first + index + count // 2) % count][0] for index in range(len(batch))]
        facts.extend(measure(picture, scene) for picture, scene in zip(pictures, wanted, strict=True))
    row: dict[str, Any] = {"shapes": cell.shapes, "size": f"{cell.width}x{cell.height}", "n": count}
    for name in ("background", "colour_in_place", "outline", "calm"):
        right = sum(getattr(fact, name) for fact in facts)
        row[name] = round(right / count, 4)
        row[f"{name}_lower"] = round(wilson_lower(right, count), 4)
    right = sum(fact.background and fact.colour_in_place and fact.outline for fact in facts)
    row["all"] = round(right / count, 4)
    return row


def _batches(pairs: list[Any], size: int) -> Iterator[tuple[int, list[Any]]]:
    for first in range(0, len(pairs), size):
        yield first, pairs[first : first + size]


def measure_strange(count: int, draw: Draw) -> dict[str, Any]:
    """Draw a prompt of unknown words with many seeds: each picture must be calm."""
    empty = Scene("gray", ())
    calm = sum(
        measure(draw([STRANGE_PROMPT], [empty], 512, 512, _SEED + index)[0], empty).calm for index in range(count)
    )
    return {"prompt": STRANGE_PROMPT, "n": count, "calm": round(calm / count, 4)}


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.evaluate", description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--n", type=int, default=400, help="pictures a cell")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--sizes", nargs="*", default=[f"{width}x{height}" for width, height in SIZES_PX])
    parser.add_argument("--shapes", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--source", choices=("pipeline", "truth", "shuffled"), default="pipeline")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(parsed.threads)
    draw: Draw = truth_draw
    if parsed.source == "pipeline":
        draw = pipeline_draw(parsed.model, parsed.weights, getattr(torch, parsed.dtype))
    rows = []
    for shapes in parsed.shapes:
        for size in parsed.sizes:
            width, height = (int(edge) for edge in size.split("x"))
            started_s = time.monotonic()
            cell = Cell(shapes, width, height)
            row = measure_cell(cell, parsed.n, draw, shuffled=parsed.source == "shuffled")
            row["seconds"] = round(time.monotonic() - started_s, 1)
            rows.append(row)
            if not parsed.json:
                print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    strange = measure_strange(min(parsed.n, 20), draw)
    if parsed.json:
        print(
            json.dumps(
                {"model": parsed.model, "source": parsed.source, "cells": rows, "strange": strange}, indent=1
            )
        )
    else:
        print("  ".join(f"{name} {value}" for name, value in strange.items()))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Prints the demo weights' goals and what they reach: `python -m training.goals [--n N] [--save DIR]`.

A goal holds where the lower end of the 95 % Wilson interval reaches it. Every row says how many held-out
prompts it was measured on. `--save` keeps each model's figures for `training.model_card`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from training.architecture import MODELS
from training.evaluate import SIZES_PX, STRANGE_PROMPT, WEIGHTS, Cell, measure_cell, measure_strange, pipeline_draw

_MAIN_SIZES: Final = ("512x512", "1024x1024")
_OTHER_SIZE_SLACK: Final = 0.1
_STRANGE_COUNT: Final = 40


@dataclass(frozen=True)
class Goal:
    """What a share of the pictures should show."""

    shapes: int
    fact: str
    words: str
    share: float


@dataclass(frozen=True)
class Row:
    """One goal at one size, as measured; shares of 1."""

    words: str
    size: str
    goal: float
    reached: float
    lower: float
    count: int

    def markdown(self, model: str) -> str:
        """Give the row of the table."""
        met = "yes" if self.lower >= self.goal else "no"
        reached = f"{100 * self.reached:.1f} % (≥ {100 * self.lower:.1f} %)"
        cells = (model, self.words, self.size, f"{100 * self.goal:.0f} %", reached, str(self.count), met)
        return f"| {' | '.join(cells)} |"


GOALS: Final = (
    Goal(1, "background", "one shape: background", 0.95),
    Goal(1, "colour_in_place", "one shape: its colour in its place", 0.95),
    Goal(1, "outline", "one shape: its outline", 0.9),
    Goal(2, "colour_in_place", "two shapes: both colours in both places", 0.8),
)


def rows(figures: dict[str, Any]) -> Iterator[Row]:
    """Compare a model's figures with the goals; other sizes may stay ten points below."""
    for goal in GOALS:
        for cell in figures["cells"]:
            if cell["shapes"] == goal.shapes:
                slack = 0.0 if cell["size"] in _MAIN_SIZES else _OTHER_SIZE_SLACK
                wanted = round(goal.share - slack, 2)
                lower = cell[f"{goal.fact}_lower"]
                yield Row(goal.words, cell["size"], wanted, cell[goal.fact], lower, cell["n"])


def measure_model(model: str, count: int, weights: Path) -> dict[str, Any]:
    """Draw and measure every cell of one model."""
    draw = pipeline_draw(model, weights, torch.bfloat16)
    cells = []
    for shapes in (1, 2):
        for width, height in SIZES_PX:
            print(f"{model}: {count} pictures of {width}x{height} px, {shapes} shape(s)", file=sys.stderr)
            cells.append(measure_cell(Cell(shapes, width, height), count, draw))
    return {"model": model, "cells": cells, "strange": measure_strange(_STRANGE_COUNT, draw)}


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.goals", description=__doc__)
    parser.add_argument("--n", type=int, default=400, help="pictures a cell")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", type=Path, default=None, help="keep the figures as DIR/MODEL.json")
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(parsed.threads)
    print("| model | what | size | goal | reached (lower bound) | n | met |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for model in MODELS:
        figures = measure_model(model, parsed.n, parsed.weights)
        for row in rows(figures):
            print(row.markdown(model), flush=True)
        strange = figures["strange"]
        print(f"| {model} | calm: “{STRANGE_PROMPT}” | 512x512 | 100 % | {100 * strange['calm']:.0f} % "
              f"| {strange['n']} | {'yes' if strange['calm'] == 1 else 'no'} |", flush=True)  # fmt: skip
        if parsed.save:
            parsed.save.mkdir(parents=True, exist_ok=True)
            (parsed.save / f"{model}.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

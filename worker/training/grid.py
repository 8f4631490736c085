"""Draws the README's grid of pictures with the demo weights: `python -m training.grid OUT.png`.

One row a model, one column a prompt; every picture by the pipeline's own call, seed 1.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch

from training.architecture import MODELS
from training.evaluate import WEIGHTS, pipeline_draw

PROMPTS: Final = (
    "a blue star on a yellow background",
    "a large red heart on a pink background",
    "a green triangle at the top left and an orange circle at the bottom right",
    "a white cross on black",
    "a purple square at the top right on a gray background",
)
_DRAWN_PX: Final = 512
_SHOWN_PX: Final = 192
_GAP_PX: Final = 8


def grid(weights: Path) -> np.ndarray:
    """Draw every prompt by every model: one RGB picture on white."""
    rows = []
    for model in MODELS:
        draw = pipeline_draw(model, weights, torch.bfloat16)
        pictures = [draw([prompt], [], _DRAWN_PX, _DRAWN_PX, 1)[0] for prompt in PROMPTS]
        shown = [cv2.resize(one, (_SHOWN_PX, _SHOWN_PX), interpolation=cv2.INTER_AREA) for one in pictures]
        rows.append(np.hstack([_framed(one) for one in shown]))
    return np.vstack(rows)


def _framed(picture: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(picture, *(_GAP_PX // 2,) * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.grid", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parsed = parser.parse_args(arguments)
    picture = grid(parsed.weights)
    parsed.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(parsed.out), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    for prompt in PROMPTS:
        print(prompt)


if __name__ == "__main__":
    main(sys.argv[1:])

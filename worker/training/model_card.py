"""Writes a model card from measured figures: `python -m training.model_card --model M --figures F DIR`.

`F` is what `training.evaluate --json` printed; the card becomes `DIR/M/README.md`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from training.architecture import FLUX, MODELS, STEPS
from training.scenes import COLOURS, KINDS, SIZES

_TWIN_OF: Final = {FLUX: "FLUX.1-schnell", "z-image-turbo": "Z-Image-Turbo"}
_COLUMNS: Final = ("background", "colour_in_place", "outline", "calm")


_CARD: Final = """\
---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---

# Demo weights: {model}

A tiny twin of {twin}: the same diffusers classes, trained from scratch in this repository on pictures
drawn by a program. It shows that PicShapes works where there is no GPU. It is no image model.

It knows one to three shapes ({kinds}) in {colour_count} colours
({colours}), {size_count} sizes ({sizes}) and nine places
(left, center, right by top, center, bottom) on a background of one colour, in English. What a prompt leaves out is
medium, in the middle and on white; words that it doesn't know change nothing, and a prompt without any known word
gives a plain gray picture.

{count} steps, {call}, widths and heights in multiples of 64 px, bfloat16 or float32. The VAE's encoder is
untrained, as drawing from text never runs it.

## Figures

Transformer: {steps} steps on a shared CPU. Held-out prompts (combinations of colour, shape and place that training
never showed), measured by `python -m training.evaluate`; in parentheses the lower end of the 95 % Wilson interval.
One-shape prompts are of medium and large shapes, two-shape prompts of all sizes, and there both shapes must be
right. Calm: four named colours cover 90 % of the pixels.

| shapes | size | n | background | colour in place | outline | calm |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

"{strange}": {calm:.0f} % of {strange_count} seeds calm.
"""


def model_card(model: str, figures: dict[str, Any], steps: int) -> str:
    """Give the card's Markdown."""
    strange = figures["strange"]
    return _CARD.format(
        model=model,
        twin=_TWIN_OF[model],
        kinds=", ".join(KINDS),
        colour_count=len(COLOURS),
        colours=", ".join(COLOURS),
        size_count=len(SIZES),
        sizes=", ".join(SIZES),
        count=STEPS[model].count,
        call="guidance 0, text length 64" if model == FLUX else "guidance 0",
        steps=steps,
        rows="\n".join(_row(cell) for cell in figures["cells"]),
        strange=strange["prompt"],
        calm=100 * strange["calm"],
        strange_count=strange["n"],
    )


def _row(cell: dict[str, Any]) -> str:
    shares = " | ".join(f"{100 * cell[name]:.0f} % ({100 * cell[name + '_lower']:.0f} %)" for name in _COLUMNS)
    return f"| {cell['shapes']} | {cell['size']} | {cell['n']} | {shares} |"


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.model_card", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="the transformer's training steps")
    parsed = parser.parse_args(arguments)
    card = model_card(parsed.model, json.loads(parsed.figures.read_text()), parsed.steps)
    (parsed.out_dir / parsed.model / "README.md").write_text(card)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Run as a program: the first picture of a process that does what diffusers' documentation does, no more.

Knows nothing of PicShapes, whose imports would count as the baseline's. Its one argument is a JSON object with
`pipeline` (its class), `folder`, `dtype` and `device`, what it is `called_with`, and the `file` to write.
It prints a line once the file is written.
"""

import json
import sys
from typing import Any

import diffusers
import torch


def main(wanted: dict[str, Any]) -> None:
    """Load, compile where there is a card, draw, save."""
    pipeline = getattr(diffusers, wanted["pipeline"]).from_pretrained(
        wanted["folder"], dtype=getattr(torch, wanted["dtype"])
    )
    pipeline.to(wanted["device"])
    if wanted["device"] == "cuda":
        pipeline.transformer.compile_repeated_blocks()
    seed = torch.Generator("cpu").manual_seed(0)
    pipeline(**wanted["called_with"], generator=seed).images[0].save(wanted["file"])
    print("drawn", flush=True)  # noqa: T201 - what the benchmark waits for


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""Makes a transformer's checkpoint from the weights in the repository, so that training can go on from them.

`python -m training.checkpoint_of_weights --model flux-schnell --step 3111`: checkpoints are not kept in the
repository. The optimizers begin anew; the step decides where the curriculum and the learning rate stand.
"""

import argparse
import sys
from pathlib import Path

import torch

from training.architecture import MODELS
from training.decoder import CHECKPOINTS
from training.evaluate import WEIGHTS, load_pipeline
from training.loop import save_checkpoint
from training.transformer import optimizers_of


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="training.checkpoint_of_weights", description=__doc__)
    parser.add_argument("--model", choices=MODELS, required=True)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--checkpoint", type=Path, default=None)
    parsed = parser.parse_args(arguments)
    transformer = load_pipeline(parsed.model, parsed.weights, torch.float32).transformer
    checkpoint = parsed.checkpoint or CHECKPOINTS / f"{parsed.model}.pt"
    if checkpoint.exists():
        parser.error(f"{checkpoint} exists: move it away to begin from the weights")
    average = {name: value.detach().clone() for name, value in transformer.state_dict().items()}
    save_checkpoint(transformer, optimizers_of(transformer), average, parsed.step, checkpoint)
    print(f"{checkpoint}: step {parsed.step}")


if __name__ == "__main__":
    main(sys.argv[1:])

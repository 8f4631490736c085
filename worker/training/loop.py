"""The training loop that every stage shares: seeded steps, checkpoints, a moving average, progress.

A stage brings its module, its optimizers and its loss. Step `n` draws its data from `(seed, n)` alone,
so a run that was cut off goes on from its last checkpoint as if it had never stopped.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

_REPORT_EVERY_S: Final = 15.0
_GRADIENT_NORM: Final = 1.0


@dataclass(frozen=True)
class Plan:
    """How long a stage trains and where it keeps its checkpoint."""

    steps: int
    seed: int
    checkpoint: Path
    warm_up: int = 100
    decay: float = 0.4
    """The share of the steps, at the end, in which the learning rate falls to zero."""
    average: float = 0.99
    """How much of the moving average each step keeps."""
    checkpoint_every_s: float = 120.0


@dataclass(frozen=True)
class StepSource:
    """The random sources of one step."""

    step: int
    random: np.random.Generator
    noise: torch.Generator


LossOfStep = Callable[[StepSource], tuple[torch.Tensor, dict[str, float]]]


def rate(plan: Plan, step: int) -> float:
    """Give the factor on the learning rate: a warm-up, flat, then half a cosine to zero."""
    warm_up = min(1.0, (step + 1) / max(1, plan.warm_up))
    left = (plan.steps - step) / max(1.0, plan.steps * plan.decay)
    return warm_up * (0.5 - 0.5 * math.cos(math.pi * min(1.0, left)))


def step_source(seed: int, step: int) -> StepSource:
    """Make one step's random sources from nothing but the seed and the step's number."""
    sequence = np.random.SeedSequence([seed, step])
    noise = torch.Generator().manual_seed(int(sequence.generate_state(1)[0]))
    return StepSource(step, np.random.default_rng(sequence), noise)


def train(module: nn.Module, optimizers: list[Any], loss_of_step: LossOfStep, plan: Plan) -> None:
    """Train `module` up to `plan.steps`, and leave its moving average in it."""
    base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    average = {name: value.detach().clone() for name, value in module.state_dict().items()}
    step = _resume(module, optimizers, average, plan.checkpoint)
    started_s = reported_s = saved_s = time.monotonic()
    first, losses = step, []
    while step < plan.steps:
        factor = rate(plan, step)
        for optimizer, rates in zip(optimizers, base_rates, strict=True):
            for group, base in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = base * factor
            optimizer.zero_grad(set_to_none=True)
        loss, shares = loss_of_step(step_source(plan.seed, step))
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it so
        nn.utils.clip_grad_norm_(module.parameters(), _GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        # Early on, the average would drag the random start along.
        keep = min(plan.average, step / (step + 10))
        with torch.no_grad():
            for name, value in module.state_dict().items():
                if value.is_floating_point():
                    average[name].lerp_(value, 1 - keep)
        losses.append(loss.item())
        now_s = time.monotonic()
        if now_s - reported_s > _REPORT_EVERY_S or step == plan.steps:
            pace_s = (now_s - started_s) / (step - first)
            text = " ".join(f"{name} {value:.4f}" for name, value in shares.items())
            print(
                f"{time.strftime('%H:%M:%S')} step {step}/{plan.steps} loss {np.mean(losses):.4f} {text}"
                f" {pace_s:.2f} s/step, {pace_s * (plan.steps - step) / 60:.1f} min left",
                flush=True,
            )
            reported_s, losses = now_s, []
        if now_s - saved_s > plan.checkpoint_every_s or step == plan.steps:
            save_checkpoint(module, optimizers, average, step, plan.checkpoint)
            saved_s = now_s
    module.load_state_dict(average)


def save_atomically(value: Any, path: Path) -> None:
    """Write with torch.save so that a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    partial.replace(path)


def load_average(module: nn.Module, checkpoint: Path) -> int:
    """Load a checkpoint's moving average into `module` and return its step."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    module.load_state_dict(state["average"])
    return int(state["step"])


def save_checkpoint(
    module: nn.Module, optimizers: list[Any], average: dict[str, Any], step: int, path: Path
) -> None:
    """Keep all that a run needs to go on from `step`."""
    state = {
        "step": step,
        "module": module.state_dict(),
        "average": average,
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    save_atomically(state, path)


def _resume(module: nn.Module, optimizers: list[Any], average: dict[str, Any], path: Path) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    module.load_state_dict(state["module"])
    average.update(state["average"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    print(f"goes on from step {state['step']} of {path}", flush=True)
    return int(state["step"])

"""A run that was cut off ends with the weights of one that was not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from training.loop import Plan, StepSource, load_average, rate, train


def _run(steps: int, checkpoint: Path, stop_at: int | None = None) -> nn.Linear:
    torch.manual_seed(0)
    module = nn.Linear(4, 1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)

    def loss_of_step(source: StepSource) -> tuple[torch.Tensor, dict[str, float]]:
        if source.step == stop_at:
            raise KeyboardInterrupt
        inputs = torch.randn(8, 4, generator=source.noise)
        return (module(inputs) - inputs.sum(dim=1, keepdim=True)).square().mean(), {}

    train(module, [optimizer], loss_of_step, Plan(steps, 1, checkpoint, warm_up=2, checkpoint_every_s=0.0))
    return module


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    whole = _run(20, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        _run(20, tmp_path / "broken.pt", stop_at=11)
    resumed = _run(20, tmp_path / "broken.pt")

    assert torch.equal(whole.weight, resumed.weight)
    assert torch.equal(whole.bias, resumed.bias)


def test_a_checkpoint_holds_the_moving_average(tmp_path: Path) -> None:
    module = _run(20, tmp_path / "run.pt")
    loaded: Any = nn.Linear(4, 1)

    assert load_average(loaded, tmp_path / "run.pt") == 20
    assert torch.equal(loaded.weight, module.weight)


def test_no_half_written_checkpoint_is_left(tmp_path: Path) -> None:
    _run(5, tmp_path / "run.pt")

    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_the_rate_warms_up_stays_and_decays_to_zero() -> None:
    plan = Plan(100, 0, Path("unused"), warm_up=10, decay=0.4)

    assert rate(plan, 0) == pytest.approx(0.1)
    assert rate(plan, 30) == 1.0
    assert rate(plan, 80) == pytest.approx(0.5)
    assert rate(plan, 99) < 0.01

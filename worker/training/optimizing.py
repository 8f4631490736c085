"""The optimizers that the stages share: Muon for matrices within blocks, AdamW for what surrounds them."""

import torch
from torch import nn


def muon_and_adam(
    module: nn.Module, blocks: tuple[str, ...], muon_rate: float, adam_rate: float
) -> list[torch.optim.Optimizer]:
    """Train the matrices of `blocks` (parts of parameter names) by Muon; what modulates or surrounds, by AdamW."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        modulates = any(part in name for part in ("norm", "adaLN", "bias"))
        is_matrix = any(part in name for part in blocks) and parameter.ndim == 2  # noqa: PLR2004 - a matrix
        (matrices if is_matrix and not modulates else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=muon_rate, momentum=0.95, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]

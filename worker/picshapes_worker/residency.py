"""Which models stay in device memory: a pure plan, least recently used out first."""

from collections.abc import Mapping, Sequence


def evictions(resident: Sequence[str], wanted: str, needs_mib: Mapping[str, int], memory_mib: int) -> list[str]:
    """Return the models to push out before `wanted` is loaded or run.

    `resident` is ordered from the least to the most recently used. `needs_mib` is what each model's weights
    take; the one wanted counts with what its pictures take besides.
    """
    others = [model for model in resident if model != wanted]
    taken = sum(needs_mib[model] for model in others) + needs_mib[wanted]
    out = []
    for model in others:
        if taken <= memory_mib:
            break
        out.append(model)
        taken -= needs_mib[model]
    return out


def preload(models: Sequence[str], needs_mib: Mapping[str, int], memory_mib: int) -> list[str]:
    """Return the models, in their order, that can be loaded together at start; always at least the first."""
    chosen: list[str] = []
    taken = 0
    for model in models:
        if chosen and taken + needs_mib[model] > memory_mib:
            continue
        chosen.append(model)
        taken += needs_mib[model]
    return chosen

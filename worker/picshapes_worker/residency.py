"""Which models stay in device memory: a pure plan, least recently used out first."""

from collections.abc import Iterable, Mapping, Sequence

from picshapes_crds.catalogue import Model


class Needs:
    """What each model's weights take of the device's memory, in MiB: computed, then measured as it is loaded."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        """Begin with the catalogue's figures."""
        self._models = models
        self._measured: dict[str, int] = {}

    def loaded(self, model: str, taken_mib: int) -> None:
        """Note what a model took."""
        self._measured[model] = taken_mib

    def weights_mib(self, model: str) -> int:
        """Return what a model's weights take."""
        return self._measured.get(model, self._models[model].vram.base_mib)

    def to_draw(self, resident: Iterable[str], wanted: str) -> dict[str, int]:
        """Return the weights of all models resident, and of the one wanted what its pictures take besides."""
        vram = self._models[wanted].vram
        needs = {model: self.weights_mib(model) for model in (*resident, wanted)}
        needs[wanted] += vram.reserve_mib + vram.per_megapixel_mib
        return needs


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

"""How many GPU-seconds a job will take: megapixels by steps, times a rate learned from finished jobs. Pure."""

from typing import Final

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import Resolved

FIRST_RATE: Final = 0.1
"""Seconds for a megapixel and step before anything was measured."""
_LEARNING: Final = 0.1
"""Weight of the newest job in the running mean."""


def work(resolved: Resolved, *, guided: bool) -> float:
    """Return a job's size in megapixel-steps; guidance runs the model twice a step."""
    return resolved.width * resolved.height / 1e6 * resolved.steps * (2 if guided else 1)


def tier_weight(tier: str, catalogue: Catalogue) -> int:
    """Return by what a tier's GPU-seconds are divided: a second in a tier that costs more is charged less."""
    found = catalogue.tiers.get(tier)
    return max(1, found.credits) if found else 1


class Rates:
    """Seconds for a megapixel and step, a running mean for each model."""

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}

    def estimate_s(self, resolved: Resolved, *, guided: bool) -> float:
        """Return the GPU-seconds that a job is expected to take."""
        return self._rates.get(resolved.model, FIRST_RATE) * work(resolved, guided=guided)

    def cost_s(self, resolved: Resolved, catalogue: Catalogue, *, guided: bool) -> float:
        """Return the GPU-seconds that a claim is charged with."""
        return self.estimate_s(resolved, guided=guided) / tier_weight(resolved.tier, catalogue)

    def learn(self, resolved: Resolved, inference_s: float, *, guided: bool) -> None:
        """Take in how long a job took."""
        rate = inference_s / work(resolved, guided=guided)
        old = self._rates.get(resolved.model, rate)
        self._rates[resolved.model] = old + _LEARNING * (rate - old)

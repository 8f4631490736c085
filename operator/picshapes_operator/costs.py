"""How many GPU-seconds a job will take: megapixels by steps, times a rate learned from finished jobs. Pure."""

from typing import Final

from picshapes_crds.resource import GenerationJob, Resolved

FIRST_RATE: Final = 0.1
"""Seconds for a megapixel and step before anything was measured."""
_LEARNING: Final = 0.1
"""Weight of the newest job in the running mean."""


def work(resolved: Resolved, *, guided: bool) -> float:
    """Return a job's size in megapixel-steps; guidance runs the model twice a step."""
    return resolved.width * resolved.height / 1e6 * resolved.steps * (2 if guided else 1)


class Rates:
    """Seconds for a megapixel and step, a running mean for each model."""

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}

    def estimate_s(self, resolved: Resolved, *, guided: bool) -> float:
        """Return the GPU-seconds that a job is expected to take."""
        return self._rates.get(resolved.model, FIRST_RATE) * work(resolved, guided=guided)

    def learn(self, job: GenerationJob) -> None:
        """Take in a finished job's timings, if it has any."""
        resolved, timings = job.status.resolved, job.status.timings
        if resolved is None or timings is None:
            return
        rate = timings.inference_s / work(resolved, guided=bool(job.spec.negative_prompt))
        old = self._rates.get(resolved.model, rate)
        self._rates[resolved.model] = old + _LEARNING * (rate - old)

"""Who has used how much of the GPUs lately: seconds that lose half their weight every hour.

All usages decay alike, so their order changes only when somebody is charged: usage is kept as it would weigh at a
fixed epoch (`rank`), and nothing has to be recomputed as time goes by.
"""

from typing import Final

HALF_LIFE_S: Final = 3600.0
_LARGEST_EXPONENT: Final = 500.0
"""Half-lives after which ranks are rebased, long before they overflow a float."""


class Usage:
    """GPU-seconds of each owner, decayed. Times are seconds since any fixed moment."""

    def __init__(self, now_s: float) -> None:
        self._epoch_s = now_s
        self._ranks: dict[str, float] = {}
        self.epoch = 0
        """Counts rebases: ranks of different epochs are not comparable."""

    def charge(self, owner: str, gpu_seconds: float, at_s: float) -> None:
        """Add seconds used at a time, which may be in the past; negative ones take an estimate back."""
        change = self.weighed(gpu_seconds, at_s)  # first: it may rebase all ranks
        self._ranks[owner] = max(0.0, self.rank(owner) + change)

    def rank(self, owner: str) -> float:
        """Return the usage of an owner, comparable with any other's at any time; lower goes first."""
        return self._ranks.get(owner, 0.0)

    def weighed(self, gpu_seconds: float, at_s: float) -> float:
        """Return what so many seconds, used at a time, add to a rank."""
        exponent = (at_s - self._epoch_s) / HALF_LIFE_S
        if exponent > _LARGEST_EXPONENT:
            self._rebase(at_s)
            exponent = 0.0
        return float(gpu_seconds * 2.0**exponent)

    def seconds(self, owner: str, now_s: float) -> float:
        """Return what an owner's usage weighs now, in GPU-seconds."""
        return self.rank(owner) / self.weighed(1.0, now_s)

    def _rebase(self, now_s: float) -> None:
        scale = 2.0 ** ((self._epoch_s - now_s) / HALF_LIFE_S)
        self._epoch_s = now_s
        self.epoch += 1
        self._ranks = {owner: rank * scale for owner, rank in self._ranks.items() if rank * scale > 1e-6}  # noqa: PLR2004 - nothing

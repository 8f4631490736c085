"""Which workers' pods are to go first when something scales their pool down: those that idle. Pure.

A ReplicaSet that needs fewer pods deletes those of the least deletion cost first, and a pod without the annotation
costs 0 (https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost). Without it a
worker that draws may be stopped while another idles: its picture gets done, but the pool is then one short.

Each mark is a write of the API server's: a worker is marked only once it has idled for a while, so one between two
jobs never is, and only a few are written at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

IDLE_COST: Final = "-1"
"""Less than that of a pod that nobody has given a cost."""
IDLES_S: Final = 30.0
"""How long a worker must have held nothing."""
MOST: Final = 10
"""Changes at once."""


@dataclass(frozen=True)
class Standing:
    """A worker's pod as it is now."""

    name: str
    uid: str
    busy: bool
    """It holds a job."""
    cost: str | None
    """Its deletion cost; None: none was given."""


@dataclass(frozen=True)
class Change:
    """Give this pod this cost; None: take it away."""

    name: str
    uid: str
    cost: str | None


class DeletionCosts:
    """Remembers since when workers idle."""

    def __init__(self) -> None:
        self._idle_since: dict[str, float] = {}
        """By the pod's uid, of those that are not marked."""

    def changes(self, standings: Iterable[Standing], now_s: float) -> list[Change]:
        """Return what is to be written now, the workers that no longer idle first; `now_s` is monotonic.

        A cost that somebody else has given a pod is left as it is.
        """
        since: dict[str, float] = {}
        taken, given = [], []
        for pod in standings:
            if pod.busy and pod.cost == IDLE_COST:
                taken.append(Change(pod.name, pod.uid, None))
            elif not pod.busy and pod.cost is None:
                since[pod.uid] = self._idle_since.get(pod.uid, now_s)
                if now_s - since[pod.uid] >= IDLES_S:
                    given.append(Change(pod.name, pod.uid, IDLE_COST))
        self._idle_since = since
        given.sort(key=lambda change: since[change.uid])
        return (taken + given)[:MOST]

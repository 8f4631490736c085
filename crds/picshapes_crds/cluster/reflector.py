"""List, then watch, for ever: the one way in which every part follows objects of the API server.

Semantics of client-go's reflector: a LIST gives a snapshot and a version, a WATCH gives all changes after it;
bookmarks move the version on; an ended watch goes on from the last version; an expired version lists again;
failures wait with bounded exponential backoff and jitter
(https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
"""

import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster.errors import ClusterError, ExpiredError
from picshapes_crds.cluster.protocol import Cluster, Json, Kind, Scope

FIRST_DELAY_S: Final = 0.2
LARGEST_DELAY_S: Final = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Listed:
    """All objects of the scope, as they are now: what isn't among them is gone."""

    objects: list[Json]


@dataclass(frozen=True)
class Changed:
    """An object is new or different."""

    object: Json


@dataclass(frozen=True)
class Deleted:
    """An object is gone, or left the scope of the selectors."""

    object: Json


@dataclass(frozen=True)
class Heard:
    """Nothing changed, but the watch is alive."""


Observation = Listed | Changed | Deleted | Heard


def backoff_s(failures: int, rng: random.Random) -> float:
    """Return how long to wait after so many failures in a row: doubling, bounded, jittered above half."""
    ceiling = min(LARGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(failures, 16))
    return ceiling * (0.5 + rng.random() / 2)


class Reflector:
    """Follows the objects of one kind and scope."""

    def __init__(self, cluster: Cluster, kind: Kind, scope: Scope, clock: Clock, rng: random.Random) -> None:
        self._cluster, self._kind, self._scope = cluster, kind, scope
        self._clock, self._rng = clock, rng
        self._version: str | None = None
        self._failures = 0
        self.restarts = 0
        """How often a watch was begun again, for metrics."""
        self.heard_at: float | None = None
        """Monotonic time of the last sign of life from the server; None before the first list."""

    async def observations(self) -> AsyncGenerator[Observation, None]:
        """Yield what happens, for ever; the first is a `Listed`. Never raises `ClusterError`."""
        while True:
            try:
                if self._version is None:
                    found = await self._cluster.list_all(self._kind, self._scope)
                    self._version = found.resource_version
                    self._heard()
                    yield Listed(found.items)
                async for observation in self._watch(self._version):
                    yield observation
                self.restarts += 1
            except ExpiredError:
                self._version = None
                self.restarts += 1
            except ClusterError as error:
                delay = backoff_s(self._failures, self._rng)
                self._failures += 1
                self.restarts += 1
                about = {"kind": self._kind.plural, "namespace": self._scope.namespace}
                log.warning("watch.retry", error=str(error), delay_s=round(delay, 2), **about)
                await self._clock.sleep(delay)

    def silent_s(self) -> float | None:
        """Return the seconds since the last sign of life; None before the first list."""
        return None if self.heard_at is None else self._clock.monotonic() - self.heard_at

    async def _watch(self, version: str) -> AsyncIterator[Observation]:
        async for event in self._cluster.watch(self._kind, self._scope, version):
            self._version = event.object["metadata"]["resourceVersion"]
            self._heard()
            if event.type == "BOOKMARK":
                yield Heard()
            elif event.type == "DELETED":
                yield Deleted(event.object)
            else:
                yield Changed(event.object)

    def _heard(self) -> None:
        self._failures = 0
        self.heard_at = self._clock.monotonic()

"""An operator process in a simulation: its own state, feeds, leadership, loop and writer; kopf's part is played.

kopf lists, then watches from there; it tells of a listing by events of type None, never of what was deleted
meanwhile, and hands an object's events over after a short while, only the latest if several came.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, PODS, ClusterError, ExpiredError, Json, Kind, Scope
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.names import WORKER_SELECTOR
from picshapes_operator.feeds import Feeds, follow_leases, lease_reflector
from picshapes_operator.handlers import copy_job, copy_pod
from picshapes_operator.loop import Loop
from picshapes_operator.main import LEASE, STALLED_S
from picshapes_operator.metrics import Metrics
from picshapes_operator.state import ClusterState
from picshapes_operator.writer import Writer

from .client import NetworkCluster
from .clocks import SkewedClock
from .faults import Fault
from .network import Network

Take = Callable[[ClusterState, Any], None]

BATCH_S: Final = 0.1
KOPF_SILENCE_S: Final = 70.0
"""kopf's `inactivity_timeout`."""


class OperatorPart:
    """One operator."""

    def __init__(
        self,
        cluster: NetworkCluster,
        namespaces: Sequence[str],
        catalogue: Catalogue,
        clock: SkewedClock,
        rng: random.Random,
    ) -> None:
        """`namespaces` begins with the operator's own."""
        self._cluster, self._namespaces, self._clock, self._rng = cluster, namespaces, clock, rng
        metrics = Metrics(CollectorRegistry())
        self.state = ClusterState(catalogue, clock, metrics.ended)
        seat = Seat(namespaces[0], LEASE, f"operator-{rng.randrange(10**9)}")
        self.leadership = Leadership(cluster, seat, clock)
        self._writer = Writer(cluster, self.state, clock, metrics, rng)
        self._loop = Loop(self.state, self._writer, self.leadership, clock, metrics)

    def sick(self) -> bool:
        """Say whether `/healthz` would fail."""
        stalled = self._clock.monotonic() - self._loop.passed_at > STALLED_S
        return self.state.broken is not None or stalled

    async def live(self, net: Network) -> None:
        """Run until killed."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._observe(net))
            tasks.create_task(self.leadership.run())
            tasks.create_task(self._loop.run())

    async def _observe(self, net: Network) -> None:
        cluster, state, clock, rng = self._cluster, self.state, self._clock, self._rng
        own, *neighbours = self._namespaces
        feeds = Feeds(cluster, own, neighbours, state, clock, rng)
        await feeds.prime()
        leases = lease_reflector(cluster, own, clock, rng)
        pods = Kopf(net, cluster, state, copy_pod)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_leases(leases, state, clock))
            tasks.create_task(feeds.resync())
            for namespace in self._namespaces:
                tasks.create_task(Kopf(net, cluster, state, copy_job).follow(JOBS, Scope(namespace)))
            tasks.create_task(pods.follow(PODS, Scope(own, label_selector=WORKER_SELECTOR)))


class Kopf:
    """kopf's watching of one kind."""

    def __init__(self, net: Network, cluster: NetworkCluster, state: ClusterState, take: Take) -> None:
        self._net, self._cluster, self._state, self._take = net, cluster, state, take
        self._held_back: dict[str, Json] = {}

    async def follow(self, kind: Kind, scope: Scope) -> None:
        """List and watch, for ever."""
        version: str | None = None
        while True:
            try:
                if version is None:
                    listed = await self._cluster.list_all(kind, scope)
                    version = listed.resource_version
                    for one in listed.items:
                        self._hand_over({"type": None, "object": one})
                async for event in self._cluster.watch(kind, scope, version, silence_s=KOPF_SILENCE_S):
                    version = event.object["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        self._hand_over({"type": event.type, "object": event.object})
            except ExpiredError:
                version = None
            except ClusterError:
                await asyncio.sleep(self._net.rng.uniform(0.1, 1.0))

    def _hand_over(self, event: Json) -> None:
        uid = event["object"]["metadata"]["uid"]
        waits = uid in self._held_back
        self._held_back[uid] = event
        if waits:
            return
        delay_s = self._net.rng.uniform(0, 0.01)
        if self._net.faults.draw(Fault.WATCH_REORDERED, 0.05):
            delay_s = self._net.rng.uniform(BATCH_S, 3.0)
        asyncio.get_running_loop().call_later(delay_s, lambda: self._take(self._state, self._held_back.pop(uid)))

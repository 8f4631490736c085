"""The Lease that says this process is alive: taken at start, renewed every 10 s, given up at the end.

Its holder is the process, not the pod: a restarted container takes the Lease over, and an older process that
still runs under the pod's name sees that it is no longer the holder and must end. Every renewal is fenced by
the resource version it last saw.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import (
    LEASES,
    AlreadyExistsError,
    Cluster,
    ClusterError,
    ConflictError,
    Json,
    NotFoundError,
)
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.workers import (
    LEASE_RENEWAL_S,
    LEASE_STALE_S,
    NO_LIMITS,
    WorkerPod,
    lease_body,
    lease_renewal,
    with_loading,
)
from picshapes_worker.patience import Patience

RENEW_WITHIN_S: Final = 8.0
"""A renewal that takes longer is made anew: a dead connection must not use up the 40 s."""
LOADING_EVERY_S: Final = 1.0

log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """Another process holds the Lease of this pod's name: this one must end."""

    code = "LEASE_LOST"


@dataclass(frozen=True)
class Holder:
    """The process that holds a Lease."""

    pod: WorkerPod
    worker_id: str
    neighbours: Sequence[str] = ()
    """The further namespaces whose jobs it watches."""


class LeaseKeeper:
    """Holds one worker's Lease."""

    def __init__(
        self,
        cluster: Cluster,
        holder: Holder,
        clock: Clock,
        rng: random.Random,
        *,
        renewal_s: float = LEASE_RENEWAL_S,
    ) -> None:
        self._cluster, self._pod, self._worker_id = cluster, holder.pod, holder.worker_id
        self._neighbours, self._clock, self._rng = holder.neighbours, clock, rng
        self._renewal_s = renewal_s
        self._version = ""
        self._changed = asyncio.Event()
        self._loaded: frozenset[str] = frozenset()
        self._limits_mib: Mapping[str, int] = NO_LIMITS
        self._loading = ""
        self._loading_timer: asyncio.TimerHandle | None = None
        self._loading_due = 0.0
        """Before this time of the event loop, a change of what is said of loading is not written by itself."""
        self._ends = False

    def models_loaded(self, models: frozenset[str]) -> None:
        """Note which models are in device memory; a change is written at once."""
        if models != self._loaded:
            self._loaded = models
            self._changed.set()

    def memory_limits(self, limits_mib: Mapping[str, int]) -> None:
        """Note for which needs, in MiB, of which models the memory suffices; a change is written at once."""
        if limits_mib != self._limits_mib:
            self._limits_mib = limits_mib
            self._changed.set()

    def loading(self, said: str) -> None:
        """Note what is still done before the worker is Ready, if anything; written once a second at most."""
        if said == self._loading:
            return
        self._loading = said
        if self._loading_timer is None:
            loop = asyncio.get_running_loop()
            self._loading_timer = loop.call_at(max(loop.time(), self._loading_due), self._write_loading)

    def end(self) -> None:
        """Let `hold` give the Lease up and return."""
        self._ends = True
        self._changed.set()

    def _write_loading(self) -> None:
        self._loading_timer = None
        self._loading_due = asyncio.get_running_loop().time() + LOADING_EVERY_S
        self._changed.set()

    async def hold(self, may_renew: Callable[[], bool], renewed: Callable[[], None]) -> None:
        """Take the Lease and keep it while `may_renew`; call `renewed` after each write.

        Raises `LeaseLostError`, or `ClusterError` when the Lease can't be taken within its time to run out.
        """
        self._changed.clear()  # what was loaded until now is written with the Lease
        await Patience(LEASE_STALE_S, self._clock, self._rng).call(self._take)
        renewed()
        failures = 0
        while not self._ends:
            await self._wait(backoff_s(failures, self._rng) if failures else self._renewal_s)
            if self._ends or not may_renew():
                continue
            try:
                async with asyncio.timeout(RENEW_WITHIN_S):
                    await self._renew()
            except (ClusterError, TimeoutError) as error:
                failures = min(failures + 1, 4)  # at most 3.2 s apart, 40 s before it counts as stale
                log.warning("lease.retry", error=repr(error))
            else:
                failures = 0
                renewed()
        await self._give_up()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _take(self) -> None:
        """Create the Lease, or take over the one that an earlier process of this pod's name left."""
        now, further = self._clock.now(), self._neighbours
        body = lease_body(self._pod, self._worker_id, self._loaded, now, self._limits_mib, further)
        patch = with_loading(body, self._loading)
        try:
            lease = await self._cluster.create(LEASES, self._pod.namespace, patch if self._loading else body)
        except AlreadyExistsError:
            lease = await self._cluster.merge_patch(LEASES, self._pod.namespace, self._pod.name, patch)
        self._version = lease["metadata"]["resourceVersion"]

    async def _renew(self) -> None:
        try:
            await self._patch(self._renewal())
        except NotFoundError:
            await self._take()
        except ConflictError:
            lease = await self._cluster.get(LEASES, self._pod.namespace, self._pod.name)
            holder = (lease.get("spec") or {}).get("holderIdentity")
            if holder != self._worker_id:
                raise LeaseLostError(f"the Lease {self._pod.name} is held by {holder}") from None
            self._version = lease["metadata"]["resourceVersion"]
            await self._patch(self._renewal())

    def _renewal(self) -> Json:
        renewal = lease_renewal(self._worker_id, self._loaded, self._clock.now(), self._limits_mib)
        return with_loading(renewal, self._loading)

    async def _give_up(self) -> None:
        """Name no holder any more, so that the operator need not wait for the Lease to run out."""
        try:
            await self._patch({"spec": {"holderIdentity": None}})
        except ClusterError as error:
            log.info("lease.not_given_up", error=str(error))  # it runs out by itself

    async def _patch(self, body: Json) -> None:
        metadata = body.get("metadata", {}) | {"resourceVersion": self._version}
        lease = await self._cluster.merge_patch(
            LEASES, self._pod.namespace, self._pod.name, body | {"metadata": metadata}
        )
        self._version = lease["metadata"]["resourceVersion"]

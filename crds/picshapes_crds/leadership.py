"""One process at a time, by a Lease: the operator's loop and the API's mirror run only while they hold theirs.

The rules are client-go's: a holder that did not renew for `lease_s` on the *observer's* clock may be replaced,
and a holder stops acting `act_s` after its last renewal, well before that. Two may still overlap for a moment (a
process paused between the check and its write), so every write that they make is fenced as well. This stands on
the `Cluster` protocol and `Clock`, unlike the election of `kubernetes.aio`, so that it runs in simulated time.
"""

from dataclasses import dataclass

import structlog

from picshapes_crds.clock import Clock, micro_time
from picshapes_crds.cluster import AlreadyExistsError, Cluster, ClusterError, ConflictError, Json, NotFoundError
from picshapes_crds.cluster.protocol import LEASES

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timing:
    """Durations in seconds; `renew_s` < `act_s` < `lease_s`."""

    renew_s: float = 2.0
    act_s: float = 7.0
    lease_s: float = 10.0


@dataclass(frozen=True)
class Seat:
    """Which Lease is fought for, and under what name."""

    namespace: str
    name: str
    identity: str


class Leadership:
    """Holds, or tries to hold, one Lease."""

    def __init__(self, cluster: Cluster, seat: Seat, clock: Clock, timing: Timing | None = None) -> None:
        self._cluster, self._seat, self._clock = cluster, seat, clock
        self._timing = timing or Timing()
        self._renewed_at: float | None = None
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0

    def held(self) -> bool:
        """Say whether this process may act now."""
        return self._renewed_at is not None and self._clock.monotonic() - self._renewed_at < self._timing.act_s

    async def run(self) -> None:
        """Acquire and renew, for ever; failures only cost the time until the next try."""
        while True:
            try:
                await self.step()
            except ClusterError as error:
                log.warning("lease.retry", lease=self._seat.name, error=str(error))
            await self._clock.sleep(self._timing.renew_s)

    async def step(self) -> None:
        """Try once to acquire or renew. Raises `ClusterError` when the API server can't be asked."""
        before = self._clock.monotonic()
        try:
            lease = await self._cluster.get(LEASES, self._seat.namespace, self._seat.name)
            won = self._may_take(lease) and await self._take(lease)
        except NotFoundError:
            won = await self._create()
        was_held, self._renewed_at = self.held(), before if won else None
        if won != was_held:
            log.info("lease.won" if won else "lease.lost", lease=self._seat.name, identity=self._seat.identity)

    async def release(self) -> None:
        """Give the Lease up, so that a successor need not wait."""
        if self._renewed_at is None:
            return
        self._renewed_at = None
        try:
            lease = await self._cluster.get(LEASES, self._seat.namespace, self._seat.name)
            if lease["spec"].get("holderIdentity") == self._seat.identity:
                await self._patch(lease, {"holderIdentity": ""})
        except ClusterError as error:
            log.info("lease.not_released", lease=self._seat.name, error=str(error))

    def _may_take(self, lease: Json) -> bool:
        now, spec = self._clock.monotonic(), lease.get("spec") or {}
        seen = (spec.get("holderIdentity") or "", spec.get("renewTime") or "")
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return seen[0] in ("", self._seat.identity) or now - self._seen_at > self._timing.lease_s

    async def _take(self, lease: Json) -> bool:
        changed = lease["spec"].get("holderIdentity") != self._seat.identity
        transitions = int(lease["spec"].get("leaseTransitions") or 0) + int(changed)
        try:
            await self._patch(lease, self._spec() | {"leaseTransitions": transitions})
        except ConflictError:
            return False
        return True

    async def _create(self) -> bool:
        body = {
            "apiVersion": LEASES.api_version,
            "kind": "Lease",
            "metadata": {"name": self._seat.name, "namespace": self._seat.namespace},
            "spec": self._spec() | {"leaseTransitions": 0},
        }
        try:
            await self._cluster.create(LEASES, self._seat.namespace, body)
        except AlreadyExistsError:
            return False
        return True

    async def _patch(self, lease: Json, spec: Json) -> None:
        fence = {"resourceVersion": lease["metadata"]["resourceVersion"]}
        await self._cluster.merge_patch(
            LEASES, self._seat.namespace, self._seat.name, {"metadata": fence, "spec": spec}
        )

    def _spec(self) -> Json:
        return {
            "holderIdentity": self._seat.identity,
            "leaseDurationSeconds": int(self._timing.lease_s),
            "renewTime": micro_time(self._clock.now()),
        }

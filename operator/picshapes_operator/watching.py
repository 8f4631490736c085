"""Runs kopf: one of its operators for each namespace, since one that may not be read ends its whole operator."""

import asyncio
import random
from collections.abc import Callable

import kopf
import structlog
from prometheus_client import Gauge

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import JOBS, Cluster, ClusterError, ForbiddenError, Scope
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_operator.feeds import Feeds
from picshapes_operator.handlers import kopf_settings
from picshapes_operator.state import ClusterState

log = structlog.get_logger(__name__)


class KopfEndedError(Exception):
    """kopf, which never ends by itself, has ended."""

    code = "KOPF_ENDED"


class Watching:
    """kopf's operators in one process."""

    def __init__(
        self, cluster: Cluster, clock: Clock, rng: random.Random, take_signals: Callable[[], None]
    ) -> None:
        """`take_signals` is called whenever kopf has taken the signals over."""
        self._cluster, self._clock, self._rng = cluster, clock, rng
        self._take_signals = take_signals

    async def readable(self, namespace: str) -> None:
        """Wait until jobs can be listed: kopf never watches a resource that is defined after it started."""
        failures = 0
        while True:
            try:
                await self._cluster.list_all(JOBS, Scope(namespace), metadata_only=True)
            except ClusterError as error:
                delay = backoff_s(failures, self._rng)
                failures += 1
                log.warning("jobs.awaited", namespace=namespace, error=str(error), delay_s=round(delay, 2))
                await self._clock.sleep(delay)
            else:
                return

    async def follow(self, registry: kopf.OperatorRegistry, namespace: str) -> None:
        """Run kopf on one namespace; raises `KopfEndedError`, caused by what it ended with."""
        parts = await kopf.spawn_tasks(
            registry=registry, settings=kopf_settings(), namespaces=[namespace], standalone=True
        )
        self._take_signals()
        try:
            ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                raise KopfEndedError(f"kopf has ended in the namespace {namespace}") from part.exception()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def follow_neighbour(
        self, registry: kopf.OperatorRegistry, namespace: str, state: ClusterState, feeds: Feeds, readable: Gauge
    ) -> None:
        """Follow the jobs of a further namespace whenever it may be read, for ever; `readable` is 1 meanwhile."""
        while True:
            readable.set(0)
            await self.readable(namespace)
            readable.set(1)
            feeds.followed.add(namespace)
            try:
                await self.follow(registry, namespace)
            except KopfEndedError as error:
                if not await self._is_forbidden(namespace):
                    raise
                log.warning("neighbour.lost", namespace=namespace, error=repr(error.__cause__))
            finally:
                feeds.followed.discard(namespace)
            state.forget_namespace(namespace)

    async def _is_forbidden(self, namespace: str) -> bool:
        """Find out whether that is why kopf ended, whose own errors are private to it."""
        try:
            await self._cluster.list_all(JOBS, Scope(namespace), metadata_only=True)
        except ForbiddenError:
            return True
        except ClusterError as error:
            log.warning("neighbour.unanswered", namespace=namespace, error=str(error))
        return False

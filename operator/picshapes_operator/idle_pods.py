"""Marks the pods of workers that idle, so that a scale-down takes them first; which, `deletion_cost` says.

This needs the right to patch pods, which only installations with autoscaled pools give: without it none is marked,
and Kubernetes chooses by the pods' age.
"""

from collections.abc import Callable
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import PODS, Cluster, ClusterError, ForbiddenError, InvalidError, NotFoundError
from picshapes_crds.names import DELETION_COST_ANNOTATION
from picshapes_operator.deletion_cost import DeletionCosts
from picshapes_operator.metrics import Metrics
from picshapes_operator.state import ClusterState

LOOK_S: Final = 5.0
ASKED_AGAIN_S: Final = 300.0
"""How often it is tried whether pods may be patched by now."""

log = structlog.get_logger(__name__)


class IdlePods:
    """Marks and unmarks the pods of a namespace."""

    def __init__(
        self, cluster: Cluster, namespace: str, state: ClusterState, clock: Clock, metrics: Metrics
    ) -> None:
        self._cluster, self._namespace, self._state = cluster, namespace, state
        self._clock, self._metrics = clock, metrics
        self._costs = DeletionCosts()
        self._told = False

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look every few seconds, for ever; write only while this process leads."""
        while True:
            allowed = True
            if leads() and self._state.fleet.synced:
                allowed = await self._look()
            else:
                self._costs = DeletionCosts()  # what it remembers grows old
            await self._clock.sleep(LOOK_S if allowed else ASKED_AGAIN_S)

    async def _look(self) -> bool:
        """Write what is due; say whether that is allowed."""
        for change in self._costs.changes(self._state.standings(), self._clock.monotonic()):
            metadata = {"uid": change.uid, "annotations": {DELETION_COST_ANNOTATION: change.cost}}
            try:
                pod = await self._cluster.merge_patch(PODS, self._namespace, change.name, {"metadata": metadata})
            except ForbiddenError as error:
                if not self._told:
                    log.info("pods.not_marked", error=str(error))
                self._told = True
                return False
            except (NotFoundError, InvalidError) as error:  # invalid: by its uid it is another pod of that name
                log.info("pods.gone", pod=change.name, error=str(error))
                outcome = "gone"
            except ClusterError as error:
                log.warning("pods.unanswered", pod=change.name, error=str(error))
                outcome = "unanswered"  # the watch tells if it took effect; else it is due again
            else:
                self._state.observe_pod(pod)
                outcome = "done"
            self._metrics.writes.labels("mark_idle", outcome).inc()
        return True

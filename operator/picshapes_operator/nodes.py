"""Which nodes are cordoned: watched, so that workers there get no new jobs before their pods are evicted.

Only cordoned nodes are asked for: nodes are large, change all the time, and a cluster may have thousands of them.
They have no namespace, so this needs a ClusterRole, which an installation may lack: then cordons are not heeded,
and a drain is noticed when it deletes the pods.
"""

import random
from typing import Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import (
    NODES,
    Changed,
    Cluster,
    ClusterError,
    Deleted,
    ForbiddenError,
    Json,
    Listed,
    Reflector,
    Scope,
)
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_operator.state import ClusterState

CORDONED: Final = Scope(field_selector="spec.unschedulable=true")
ASKED_AGAIN_S: Final = 300.0
"""How often it is tried whether nodes may be read by now."""

log = structlog.get_logger(__name__)


async def follow_nodes(cluster: Cluster, state: ClusterState, clock: Clock, rng: random.Random) -> None:
    """Copy which nodes are cordoned into the state, for ever; nothing for as long as nodes may not be read."""
    await _until_allowed(cluster, clock, rng)
    cordoned: set[str] = set()
    async for seen in Reflector(cluster, NODES, CORDONED, clock, rng).observations():
        match seen:
            case Listed(objects):
                cordoned = {_name(one) for one in objects}
            case Changed(node):
                cordoned.add(_name(node))
            case Deleted(node):  # gone, or uncordoned
                cordoned.discard(_name(node))
            case _:
                continue
        state.cordon(cordoned)


async def _until_allowed(cluster: Cluster, clock: Clock, rng: random.Random) -> None:
    told, failures = False, 0
    while True:
        try:
            await cluster.list_all(NODES, CORDONED, metadata_only=True)
        except ForbiddenError as error:
            if not told:
                log.info("nodes.not_watched", error=str(error))
            told = True
            await clock.sleep(ASKED_AGAIN_S)
        except ClusterError as error:
            delay = backoff_s(failures, rng)
            failures += 1
            log.warning("nodes.retry", error=str(error), delay_s=round(delay, 2))
            await clock.sleep(delay)
        else:
            return


def _name(node: Json) -> str:
    return str(node["metadata"]["name"])

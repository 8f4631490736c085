"""Put the definition and the policies on a cluster: for `picshapes up` and the tests; elsewhere the chart does it.

Server-side apply, so that a second time, or a newer version, only changes what differs.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import JOBS, ClusterError, Json, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.cluster.protocol import Kind
from picshapes_crds.generate import manifests

SERVED_WITHIN_S: Final = 30.0


def kind_of(obj: Json) -> Kind:
    """Return where the API serves an object, from its `kind` (English plurals, as Kubernetes forms them)."""
    singular = str(obj["kind"]).lower()
    plural = f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"
    return Kind(obj["apiVersion"], plural)


async def apply_all(cluster: KubeCluster, objects: Iterable[Json]) -> None:
    """Apply objects, one after the other. Raises `ClusterError`."""
    for obj in objects:
        await cluster.apply(kind_of(obj), obj)


async def install(cluster: KubeCluster, clock: Clock) -> None:
    """Define the resource and its policies, and wait until jobs are served.

    Raises `ClusterError` when these credentials may not, `TimeoutError` when jobs are not served in time.
    """
    await apply_all(cluster, (obj for objects in manifests().values() for obj in objects))
    async with asyncio.timeout(SERVED_WITHIN_S):
        while not await _served(cluster):
            await clock.sleep(0.1)


async def _served(cluster: KubeCluster) -> bool:
    try:
        await cluster.list_all(JOBS, Scope(), metadata_only=True)
    except ClusterError:
        return False
    return True

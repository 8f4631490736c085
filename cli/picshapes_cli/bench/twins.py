"""A stock kopf operator beside which ours is measured: started, given jobs, and waited for."""

import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from picshapes_cli.bench.apiserver_requests import ApiserverRequests, Asked
from picshapes_cli.bench.ground import BASELINE_NAMESPACE, fill
from picshapes_cli.bench.sights import Sights
from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import Children, ChildSpec
from picshapes_cli.up.stack import Tell
from picshapes_crds.cluster import Scope
from picshapes_crds.cluster.kube import KubeCluster

READY_TIMEOUT_S: Final = 60.0
TIMEOUT_S: Final = 300.0


@asynccontextmanager
async def kopf_twin(folder: Path, kubeconfig: Path) -> AsyncIterator[None]:
    """Run a stock kopf operator in the namespace for baselines for as long as the block lasts."""
    env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    with reserved_port() as port:
        argv = [sys.executable, "-m", "picshapes_cli.bench.kopf_twin", BASELINE_NAMESPACE, str(port)]
        async with Children() as children, httpx.AsyncClient(trust_env=False) as client:
            child = await children.start(ChildSpec("kopf", argv, folder / "logs" / "kopf.log", env))
            await child.wait_ready(f"http://127.0.0.1:{port}/healthz", client=client, timeout_s=READY_TIMEOUT_S)
            yield


async def claimed_by_twin(
    cluster: KubeCluster, requests: ApiserverRequests, count: int, tell: Tell
) -> tuple[float, Counter[Asked]]:
    """Return how many jobs a second the twin claims, and all requests until it has settled down."""
    claimed = Sights()
    scope = Scope(BASELINE_NAMESPACE, field_selector="status.phase=Claimed")
    async with claimed.watching(cluster, scope):
        before, began = await requests.counts(), time.perf_counter()
        await fill(cluster, BASELINE_NAMESPACE, count, tell)
        await claimed.until(lambda: len(claimed.seen_at) >= count, TIMEOUT_S)
        rate = count / (time.perf_counter() - began)
        return rate, await requests.once_settled(before)

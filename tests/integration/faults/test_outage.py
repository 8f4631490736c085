"""The API server, or its etcd alone, is away for longer than a worker's Lease may be silent: nothing is lost."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio
from tests.integration.stack import until

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import Phase
from picshapes_crds.workers import LEASE_STALE_S

from .installation import Installation, Surroundings

OUTAGE_S: Final = LEASE_STALE_S + 5
HANGS_S: Final = 20.0
"""Connections stand open for so long and nothing answers; then they break, and new ones are refused."""

HELD_BEFORE: Final = ("runs-throughout", "ends-meanwhile", "waits-behind-the-first", "begins-meanwhile")
"""The jobs that a worker holds when the outage begins."""


@pytest_asyncio.fixture
async def plane(binaries: Binaries, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(tmp_path / "control-plane", binaries, ControlPlaneOptions(fsync=False)) as started:
        yield started


@pytest_asyncio.fixture
async def parts(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Installation]:
    async with await KubeCluster.connect(plane.admin_kubeconfig) as cluster:
        around = Surroundings(plane, cluster, "outage", tmp_path / "parts", step_s=1)
        async with Installation.on(around) as started:
            workers = map(started.start_worker, ("worker-0", "worker-1"))
            await asyncio.gather(started.start_operator(), started.start_api(), *workers)
            yield started


async def outage(plane: ControlPlane, what: str) -> None:
    """Let the API server stand still, then die, then start again on its etcd; or let etcd stand still."""
    apiserver, etcd = plane._apiserver, plane._etcd
    assert apiserver is not None
    assert etcd is not None
    if what == "etcd":
        os.kill(etcd.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(OUTAGE_S)  # the time itself is what is tested
        finally:
            os.kill(etcd.pid, signal.SIGCONT)
        await plane._wait_ready(apiserver)
        return
    began = time.monotonic()
    os.kill(apiserver.pid, signal.SIGSTOP)
    await asyncio.sleep(HANGS_S)  # the time itself is what is tested
    apiserver.kill()
    await apiserver.wait()
    await asyncio.sleep(began + OUTAGE_S - time.monotonic())
    plane._apiserver = await plane._children.start(apiserver.spec)
    await plane._wait_ready(plane._apiserver)


@pytest.mark.parametrize("what", ["API server", "etcd"])
async def test_an_outage_longer_than_a_lease_requeues_nothing(
    plane: ControlPlane, parts: Installation, what: str
) -> None:
    history, credit = parts.history, await parts.credits()
    await parts.apply("runs-throughout", steps=100)
    await parts.apply("ends-meanwhile", steps=10)
    for job in ("runs-throughout", "ends-meanwhile"):
        await history.until_phase(job, Phase.PROCESSING)
    await parts.apply("waits-behind-the-first", steps=2)
    await parts.apply("begins-meanwhile", steps=2)
    for job in ("waits-behind-the-first", "begins-meanwhile"):
        await history.until_phase(job, Phase.CLAIMED)
    await parts.apply("pending", steps=2)
    await parts.apply("cancelled", steps=2)
    holders = {name: history.now(name).worker_id for name in HELD_BEFORE}

    away = asyncio.create_task(outage(plane, what))
    submitted = await parts.submit()
    operator, workers = parts.gates["operator"], parts.gates["worker"]
    workers.closed, watches = True, operator.watches["leases"]
    await away
    # The operator is back before any worker has renewed its Lease: it leads and sees Leases that are old.
    if what == "API server":
        await asyncio.to_thread(
            until, lambda: operator.watches["leases"] > watches, "the Leases are watched again"
        )
    await parts.cancel("cancelled")
    assert (await history.until_ended("cancelled"))["cancelled"].phase is Phase.FAILED
    workers.closed = False
    await parts.cancel("runs-throughout")

    told = await history.until_ended(*holders, "pending", submitted)
    assert {name: (one.phase, one.failures or 0) for name, one in told.items()} == {
        "runs-throughout": (Phase.FAILED, 0),
        "ends-meanwhile": (Phase.COMPLETED, 0),
        "waits-behind-the-first": (Phase.COMPLETED, 0),
        "begins-meanwhile": (Phase.COMPLETED, 0),
        "pending": (Phase.COMPLETED, 0),
        submitted: (Phase.COMPLETED, 0),
    }
    for name in ("runs-throughout", "ends-meanwhile", "begins-meanwhile"):
        assert (told[name].attempt, told[name].worker_id) == (1, holders[name])
    async with httpx.AsyncClient(trust_env=False) as client:
        figures = (await client.get(parts.url_of("operator", "/metrics"))).text
    assert 'picshapes_requeues_total{reason="WorkerLost"} 0.0' in figures
    assert await parts.until_told(submitted) == {submitted: "completed"}
    assert await parts.credits() == credit - 1
    await parts.check_books()

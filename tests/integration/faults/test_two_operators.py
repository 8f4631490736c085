"""Two operators, of which one writes: the other takes over from a leader that is dead or stands still."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import pytest
import pytest_asyncio

from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import LEASES, Changed, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import Phase

from .conftest import Install
from .installation import Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPERATORS: Final = ("operator-0", "operator-1")
WORKERS: Final = ("worker-0", "worker-1")
TAKEOVER_LEASES: Final = 1.5
"""A successor may take so many durations of the Lease: 15 s."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(install: Install) -> AsyncIterator[Installation]:
    async with install("two-operators", 0.2, OPERATORS) as started:
        await asyncio.gather(*map(started.start_operator, OPERATORS), *map(started.start_worker, WORKERS))
        yield started


async def leaders(cluster: KubeCluster, namespace: str) -> AsyncIterator[tuple[str, datetime, float]]:
    """Yield who leads, when that was written, and for how many seconds it counts, now and at each renewal."""
    scope = Scope(namespace, field_selector="metadata.name=picshapes-operator")
    async for seen in Reflector(cluster, LEASES, scope, SystemClock(), random.Random()).observations():
        for lease in (
            seen.objects if isinstance(seen, Listed) else [seen.object] if isinstance(seen, Changed) else []
        ):
            spec = lease["spec"]
            if spec["holderIdentity"]:
                yield (
                    spec["holderIdentity"],
                    datetime.fromisoformat(spec["renewTime"]),
                    spec["leaseDurationSeconds"],
                )


@pytest.mark.parametrize("how", ["paused", "killed"])
async def test_the_other_takes_over_and_late_writes_of_the_first_are_refused(pair: Installation, how: str) -> None:
    history = pair.history
    seats = leaders(pair.cluster, pair.namespace)
    first, renewed, lease_s = await anext(seats)
    jobs = [f"{how}-{number}" for number in range(8)]
    gate = pair.gates[first]
    late = [gate.hold("Claimed") for _ in range(2)]
    for job in jobs[:4]:  # as many as there are places
        await pair.apply(job)
    held = [await one.arrived() for one in late]
    (process,) = pair.processes(first)
    if how == "paused":
        os.kill(process.pid, signal.SIGSTOP)
    else:
        await pair.kill(first)
    for job in jobs[4:]:
        await pair.apply(job)

    async with asyncio.timeout(120):
        async for leader, at, _ in seats:
            if leader != first:
                assert (at - renewed).total_seconds() <= TAKEOVER_LEASES * lease_s
                break
            renewed = at
    answered = len(gate.answered)
    for job in held:
        await history.until_claimed(job, 1)
    if how == "paused":
        os.kill(process.pid, signal.SIGCONT)
        await pair.until_ready(first)
    assert [await one.let_through() for one in late] == [409, 409]

    told = await history.until_ended(*jobs)
    assert {(one.phase, one.failures or 0) for one in told.values()} == {(Phase.COMPLETED, 0)}
    assert history.handed_back(*jobs) <= {"Rebalanced"}
    assert history.fullest == 2
    assert {status for *_, status in gate.answered[answered:]} == {409}
    history.check()

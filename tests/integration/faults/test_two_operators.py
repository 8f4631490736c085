"""Two operators, of which one writes: the other takes over from a leader that is dead or stands still."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Final

import pytest
import pytest_asyncio

from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import LEASES, Changed, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.leadership import Timing
from picshapes_crds.phases import Phase

from .conftest import Install
from .installation import Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPERATORS: Final = ("operator-0", "operator-1")
WORKERS: Final = ("worker-0", "worker-1")
LEASE: Final = "picshapes-operator"
WITHIN_S: Final = 15
LOOKS: Final = 7
"""How often a successor looks at the Lease before it takes it, at most; every 2 s, which holds it to `WITHIN_S`.

One look may fall between the moment that the last renewal names and its arrival, one sees it first, and at the
fifth after that its 10 s are over for certain. A busy machine makes looks slower, never more.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(install: Install) -> AsyncIterator[Installation]:
    async with install("two-operators", 0.2, OPERATORS) as started:
        await asyncio.gather(*map(started.start_operator, OPERATORS), *map(started.start_worker, WORKERS))
        yield started


async def leaders(cluster: KubeCluster, namespace: str) -> AsyncGenerator[tuple[str, datetime], None]:
    """Yield who leads, and when that was written, now and at each renewal: none is left out."""
    scope = Scope(namespace, field_selector=f"metadata.name={LEASE}")
    reflector = Reflector(cluster, LEASES, scope, SystemClock(), random.Random())
    async with aclosing(reflector.observations()) as observations:
        async for seen in observations:
            match seen:
                case Listed(leases):
                    pass
                case Changed(lease):
                    leases = [lease]
                case _:
                    leases = []
            for lease in leases:
                spec = lease["spec"]
                if spec["holderIdentity"]:
                    yield spec["holderIdentity"], datetime.fromisoformat(spec["renewTime"])


@asynccontextmanager
async def away(pair: Installation, operator: str, how: str) -> AsyncIterator[None]:
    """Have an operator stand still, or be dead, in this block; it is there again afterwards whatever happens."""
    (process,) = pair.processes(operator)
    if how == "killed":
        await pair.kill(operator)
        yield
        return
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["paused", "killed"])
async def test_the_other_takes_over_and_late_writes_of_the_first_are_refused(pair: Installation, how: str) -> None:
    history = pair.history
    jobs = [f"{how}-{number}" for number in range(8)]
    async with aclosing(leaders(pair.cluster, pair.namespace)) as seats:
        first, renewed = await anext(seats)
        (other,) = {*OPERATORS} - {first}
        gate = pair.gates[first]
        late = [gate.hold("Claimed") for _ in range(2)]
        for job in jobs[:4]:  # as many as there are places
            await pair.apply(job)
        held = [await one.arrived() for one in late]
        async with away(pair, first, how):
            for job in jobs[4:]:
                await pair.apply(job)
            async with asyncio.timeout(120):
                async for leader, at in seats:
                    if leader != first:
                        break
                    renewed = at
            looks = [look for look in pair.gates[other].reads[LEASE] if renewed < look <= at]
            assert len(looks) <= LOOKS, (renewed, looks, at)
            assert LOOKS * Timing().renew_s < WITHIN_S
            answered = len(gate.answered)
            for job in jobs:  # whatever the first has yet to say of one of these is late
                await history.until_claimed(job, 1)
    if how == "killed":
        await pair.start_again(first)
    await pair.until_ready(first)
    assert [await one.let_through() for one in late] == [409, 409]

    told = await history.until_ended(*jobs)
    assert {(one.phase, one.failures or 0) for one in told.values()} == {(Phase.COMPLETED, 0)}
    assert history.handed_back(*jobs) <= {"Rebalanced"}
    assert history.fullest == 2
    late_writes = [one for one in gate.answered[answered:] if one[1] in jobs]
    assert {status for *_, status in late_writes} == {409}, late_writes
    assert {job for _, job, _ in late_writes} >= set(held)
    history.check()

"""What is done to the parts while they work: killed, stopped, cut off, replaced, robbed of their leases."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from picshapes_crds.cluster import JOBS, LEASES, ClusterError, Json, Scope

from .faults import Fault
from .parts import Running
from .pods import NAMESPACE, NEIGHBOUR
from .workload import kubectl_job
from .world import World

MEAN_PAUSE_S: Final = 6.0
ARMED_S: Final = 10.0
"""A process that is to be killed at one of its effects has so long to come to it."""

Act = Callable[[], Awaitable[None]]


class Chaos:
    """Strikes now and then, as the seed will have it."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._tasks: set[asyncio.Task[None]] = set()
        self._acts: list[tuple[Fault, Act]] = [
            (Fault.OPERATOR_KILLED, lambda: self._kill(world.operators())),
            (Fault.API_KILLED, lambda: self._kill(world.apis())),
            (Fault.WORKER_KILLED, lambda: self._kill(world.workers())),
            (Fault.STOPPED, self._stop),
            (Fault.PARTITIONED, self._cut_off),
            (Fault.LAGGING, self._delay),
            (Fault.DENIED, self._deny),
            (Fault.TWINS, self._twin),
            (Fault.POD_DELETED, lambda: self._delete_pod(keep_name=False)),
            (Fault.POD_REPLACED, lambda: self._delete_pod(keep_name=True)),
            (Fault.DRAINED, self._drain),
            (Fault.CLOCK_SET, self._set_clock),
            (Fault.LEASE_LOST, self._take_lease),
            (Fault.JOB_REPLACED, self._replace_job),
            (Fault.JOB_DELETED, self._delete_job),
            (Fault.WATCH_EXPIRED, self._compact),
        ]
        if world.hostile:
            self._acts = [(fault, act) for fault, act in self._acts if fault in world.hostile]

    async def run(self, duration_s: float) -> None:
        """Strike until the time is over, and wait for what was begun."""
        world = self._world
        until = world.loop.time() + duration_s
        while True:
            await asyncio.sleep(self._rng.expovariate(world.net.faults.rate / MEAN_PAUSE_S))
            if world.loop.time() >= until:
                break
            fault, act = self._rng.choice(self._acts)
            if world.net.faults.allows(fault):
                world.trace.note("chaos", fault.value)
                await act()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _pick(self, among: list[Running[Any]]) -> Running[Any] | None:
        alive = [one for one in among if one.process.alive]
        return self._rng.choice(alive) if alive else None

    async def _kill(self, among: list[Running[Any]]) -> None:
        found = self._pick(among)
        if found is None:
            return
        loop = self._world.loop
        if self._rng.random() < 0.3:
            loop.kill(found.process)
            return
        stage = self._rng.choice(("before", "landed", "answered"))
        self._world.net.doom(found.process, self._rng.randrange(12), stage)
        loop.in_world(ARMED_S, lambda: loop.kill(found.process))

    async def _stop(self) -> None:
        found = self._pick(self._world.everyone())
        if found is not None:
            found.process.resumes_at = self._world.loop.time() + self._rng.choice((1.0, 8.0, 15.0, 50.0))

    async def _cut_off(self) -> None:
        found = self._pick(self._world.everyone())
        if found is not None:
            found.client.cut_off = True
            heals_s = self._rng.choice((2.0, 20.0, self._rng.uniform(35, 65)))
            self._world.loop.in_world(heals_s, lambda: setattr(found.client, "cut_off", False))

    async def _delay(self) -> None:
        operators = self._rng.random() < 0.5
        found = self._pick(self._world.operators() if operators else self._world.everyone())
        if found is not None:
            found.client.lag_s = self._rng.choice((3.0, 15.0, 29.0))
            self._world.loop.in_world(self._rng.uniform(5, 40), lambda: setattr(found.client, "lag_s", 0.0))

    async def _deny(self) -> None:
        self._world.net.denied.add(NEIGHBOUR)
        self._world.loop.in_world(self._rng.uniform(5, 60), self._world.net.denied.clear)

    async def _twin(self) -> None:
        pods = list(self._world.cluster.pods.values())
        if pods:
            self._world.cluster.start(self._rng.choice(pods))

    async def _delete_pod(self, *, keep_name: bool) -> None:
        pods = list(self._world.cluster.pods.values())
        if pods:
            forced = self._rng.random() < 0.5
            replacing = self._world.cluster.replace(self._rng.choice(pods), keep_name=keep_name, forced=forced)
            self._tasks.add(asyncio.create_task(replacing))

    async def _drain(self) -> None:
        found = self._pick(self._world.workers())
        if found is not None:
            found.part.stop.set()

    async def _set_clock(self) -> None:
        found = self._pick(self._world.everyone())
        if found is not None:
            found.clock.wall_s = self._rng.choice((-120.0, -5.0, -0.5, 0.5, 5.0, 120.0))

    async def _take_lease(self) -> None:
        server = self._world.net.server
        leases = server.list_all(LEASES, Scope(NAMESPACE)).items
        if not leases:
            return
        metadata = self._rng.choice(leases)["metadata"]
        if self._rng.random() < 0.5:
            server.delete(LEASES, NAMESPACE, metadata["name"], metadata["uid"])
        else:
            stolen = {"spec": {"holderIdentity": f"a thief of {metadata['name']}"}}
            server.merge_patch(LEASES, NAMESPACE, metadata["name"], stolen)

    def _some_job(self) -> Json | None:
        jobs = self._world.net.server.list_all(JOBS, Scope()).items
        return self._rng.choice(jobs) if jobs else None

    async def _replace_job(self) -> None:
        jobs = self._world.net.server.list_all(JOBS, Scope()).items
        by_hand = [one for one in jobs if not one["metadata"].get("labels")]
        if not by_hand:
            return
        job = self._rng.choice(by_hand)
        self._delete(job)
        spec = job["spec"] | {"cancelRequested": None}
        spec = {name: value for name, value in spec.items() if value is not None}
        metadata = job["metadata"]
        self._world.net.server.create(JOBS, metadata["namespace"], kubectl_job(metadata["name"], spec))

    async def _delete_job(self) -> None:
        job = self._some_job()
        if job is not None:
            self._delete(job)

    def _delete(self, job: Json) -> None:
        metadata = job["metadata"]
        try:
            self._world.net.server.delete(JOBS, metadata["namespace"], metadata["name"], metadata["uid"])
        except ClusterError as error:
            raise AssertionError("nothing happens between the list and this") from error

    async def _compact(self) -> None:
        self._world.net.server.compact()

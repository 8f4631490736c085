"""One simulated world: an API server, a database, a store, and processes of all three parts on one clock."""

import asyncio
import random
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, Scope

from .api_part import ApiPart
from .api_server import ApiServer
from .clocks import START
from .database import SharedFile
from .faults import Fault, Faults
from .invariants import Checks
from .loop import SimulatedLoop
from .network import Network
from .operator_part import OperatorPart
from .parts import Machines, Running
from .pods import NAMESPACE, NEIGHBOUR, Cluster, Shape
from .store import Bucket
from .trace import Trace
from .workload import MODELS, Workload

LOOK_S: Final = 1.0
SIZES_MIB: Final = (700, 1100, 2000)


@dataclass(frozen=True)
class Plan:
    """What a run is made from."""

    seed: int
    template: Path
    """A database with its tables and users."""
    folder: Path
    without: frozenset[Fault] = frozenset()
    hostile: frozenset[Fault] = frozenset()
    """If any: as many faults, jobs and processes as any run has, and of what is done to parts these alone."""


class World:
    """Everything in one run."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, catalogue: Catalogue) -> None:
        def chance(name: str) -> random.Random:
            return random.Random(f"{plan.seed} {name}")

        self.loop, self._rng, self.hostile = loop, chance("world"), plan.hostile
        self.trace = Trace(loop.time)
        uids = chance("uids")
        server = ApiServer(
            lambda: START + timedelta(seconds=loop.time()),
            lambda: str(uuid.UUID(int=uids.getrandbits(128), version=4)),
        )
        faults = Faults(chance("faults"), plan.without)
        self.net = Network(loop, server, faults, chance("network"), self.trace)
        path = plan.folder / f"{plan.seed}.db"
        self._file, self._catalogue = SharedFile(self.net, plan.template, path), catalogue
        self.bucket = Bucket({}, set(), [])
        self.database = sqlite3.connect(path, isolation_level=None)
        self.checks = Checks(self.net, self.database, self.bucket)
        server.observers.append(self.checks.look_at_write)
        self._file.committed.append(self.checks.look_at_database)
        self.machines = Machines(self.net, chance("machines"), self.checks.violated)
        self.cluster = Cluster(self.machines, catalogue, self.bucket, chance("pods"))
        self.cluster.started = self.checks.worker_started
        self.cluster.violated = self.checks.violated
        self.workload = Workload(loop, server, self._serving, faults, chance("workload"))
        if plan.hostile:
            faults.rate, self.workload.wanted = 2.5, 14
        self._operators: dict[int, Running[OperatorPart]] = {}
        self._apis: dict[int, Running[ApiPart]] = {}
        self._alone_since: tuple[int, float] | None = None
        self.checks.one_leader_since = lambda: self._alone_since[1] if self._alone_since else None

    def operators(self) -> list[Running[Any]]:
        """Return the operators of now, dead or alive."""
        return list(self._operators.values())

    def apis(self) -> list[Running[Any]]:
        """Return the API processes of now, dead or alive."""
        return list(self._apis.values())

    def workers(self) -> list[Running[Any]]:
        """Return the worker processes of now, dead or alive."""
        return [container for pod in self.cluster.pods.values() for container in pod.containers]

    def everyone(self) -> list[Running[Any]]:
        """Return all processes of now."""
        return [*self.operators(), *self.apis(), *self.workers()]

    def _serving(self) -> list[Running[ApiPart]]:
        return [one for one in self._apis.values() if one.process.alive and one.part.api is not None]

    def furnish(self) -> list[Callable[[], Any]]:
        """Make the pods; return what keeps the world going."""
        rng = self._rng
        self.cluster.create(Shape(8000, MODELS))
        for _ in range(rng.randint(1, 3)):
            models = MODELS if rng.random() < 0.6 else (rng.choice(MODELS),)
            neighbours = (NEIGHBOUR,) if rng.random() < 0.7 else ()  # the others are from before there was one
            self.cluster.create(Shape(rng.choice(SIZES_MIB), models, neighbours))
        operators, apis = (2, 2) if self.hostile else (rng.choice((1, 2, 2)), rng.choice((1, 2, 2)))
        keepers: list[Callable[[], Any]] = [self.cluster.kubelet, self.cluster.collect_garbage, self._watch_over]
        keepers += [partial(self._keep_operator, number) for number in range(operators)]
        keepers += [partial(self._keep_api, number) for number in range(apis)]
        return keepers

    async def _keep_operator(self, number: int) -> None:
        while True:
            process, client, clock, rng = self.machines.prepare(f"operator-{number}")
            part = OperatorPart(client, (NAMESPACE, NEIGHBOUR), self._catalogue, clock, rng)
            running = Running(process, client, clock, part, self.loop.time())
            self._operators[number] = running
            self.machines.run(running, part.live(self.net))
            await self._until_dead(running, part.sick)

    async def _keep_api(self, number: int) -> None:
        while True:
            process, client, clock, rng = self.machines.prepare(f"api-{number}")
            part = ApiPart(process, client, NAMESPACE, clock, rng)
            running = Running(process, client, clock, part, self.loop.time())
            self._apis[number] = running
            self.machines.run(running, part.live(self._file, self._catalogue))
            await self._until_dead(running, lambda: False)

    async def _until_dead(self, running: Running[Any], sick: Callable[[], bool]) -> None:
        """Wait for a process's end, with a probe that kills a sick one, and then for its next start."""
        while running.process.alive:
            try:
                async with asyncio.timeout(10):
                    await running.died.wait()
            except TimeoutError:
                if sick():
                    self.trace.note(running.process.name, "fails its probe")
                    self.loop.kill(running.process)
        await asyncio.sleep(self._rng.uniform(0, 6))

    async def _watch_over(self) -> None:
        """See how long one operator has led alone and undisturbed, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            leaders = [one for one in self._operators.values() if self._leads(one)]
            if len(leaders) != 1 or self.net.faults.on or not self._sees(leaders[0]):
                self._alone_since = None
            elif self._alone_since is None or self._alone_since[0] != id(leaders[0]):
                self._alone_since = (id(leaders[0]), self.loop.time())
            self.checks.look_at_surplus()

    def _leads(self, running: Running[OperatorPart]) -> bool:
        process, part = running.process, running.part
        going = process.alive and process.resumes_at <= self.loop.time()
        return going and part.leadership.held() and part.state.fleet.synced

    def _sees(self, running: Running[OperatorPart]) -> bool:
        """Say whether it knows all jobs as they are: a watch that died before takes a minute to notice."""
        jobs = self.net.server.list_all(JOBS, Scope()).items
        return not any(running.part.state.is_behind(job["metadata"]) for job in jobs)

    def calm(self) -> None:
        """Let no more faults strike, and undo those that last."""
        self.trace.note("world", "faults stop")
        self.net.faults.on = False
        self.net.spare()
        self.net.denied.clear()
        for running in self.everyone():
            running.client.cut_off = False
            running.client.lag_s = 0.0
            running.process.resumes_at = 0.0

    def close(self) -> None:
        """Let go of the files."""
        self.machines.kill_all()
        self.database.close()

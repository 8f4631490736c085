"""A worker at work in a test's hands: its engine, its API server and its watch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.worker.memory import WITHIN_S, WORKER_ID, MemoryCluster

from picshapes_crds.cluster import Changed, Deleted, Json, Listed
from picshapes_worker.assignment import Assignment
from picshapes_worker.context import WorkerContext
from picshapes_worker.engine import OnStep, Request
from picshapes_worker.engine_host import InlineHost
from picshapes_worker.engines.null import GreyPixel, NullEngine
from picshapes_worker.work import Work

A = "00000000-0000-0000-0000-000000000061"
"""The uid, and public id, of the job `a`."""


class Script(NullEngine):
    """The null engine, with what is planned for each call of load and generate: an error, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[Exception | None] = []
        self.runs: list[Exception | None] = []
        self.freed: list[str] = []
        self.made: list[Request] = []

    def load(self, model: str) -> None:
        if self.loads and (fault := self.loads.pop(0)) is not None:
            raise fault
        super().load(model)

    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        if self.runs and (fault := self.runs.pop(0)) is not None:
            on_step(1)
            raise fault
        self.made.append(request)
        return super().generate(request, on_step)

    def free(self, *, keep: str) -> None:
        self.freed.append(keep)
        super().free(keep=keep)


class Gate(InlineHost):
    """A host whose generations take place step by step, as the test lets them."""

    def __init__(self) -> None:
        super().__init__(NullEngine())
        self.steps: asyncio.Queue[int] = asyncio.Queue()
        self.begun: asyncio.Queue[str] = asyncio.Queue()

    async def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        self.begun.put_nowait(request.prompt)
        on_step(0)
        for done in range(1, request.steps + 1):
            await self.steps.get()
            self.steps.task_done()
            on_step(done)
        return GreyPixel()

    def release(self, steps: int) -> None:
        for step in range(steps):
            self.steps.put_nowait(step)


class Desk:
    """A worker at work, with its API server and its watch in the test's hands."""

    def __init__(self, context: WorkerContext, memory: MemoryCluster, limits: dict[str, int]) -> None:
        self.memory, self.limits = memory, limits
        self.assignment = Assignment(WORKER_ID)
        self.work = Work(self.assignment, context)

    def give(self, *jobs: Json) -> None:
        for one in jobs:
            self.memory.put("generationjobs", one)
            self.see(one)

    def see(self, one: Json) -> None:
        for bad in self.assignment.observe(Changed(one)):
            self.work.refuse(bad)
        self.work.look()

    def lose(self, one: Json) -> None:
        self.assignment.observe(Deleted(one))
        self.work.look()

    def status(self, name: str, namespace: str = "n") -> Json:
        found: Json = self.memory.objects["generationjobs", namespace, name]["status"]
        return found

    def why(self, name: str) -> tuple[str, str]:
        first = self.status(name)["conditions"][0]
        return first["reason"], first["message"]

    async def until_ended(self, name: str, namespace: str = "n") -> str:
        await self.memory.until(lambda: self.status(name, namespace)["phase"] in ("Completed", "Failed"))
        return str(self.status(name, namespace)["phase"])


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[None]:
    """Run the worker until the end of the block, then drain it."""
    desk.assignment.observe(Listed([]))
    running = asyncio.create_task(desk.work.run())
    try:
        yield
        desk.work.drain()
        async with asyncio.timeout(WITHIN_S):
            await running
    finally:
        running.cancel()


def pictures(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())

"""A round of jobs through the worker's own stages, as in a worker process, with a real engine and a real store.

Two jobs are held at a time, one of which runs, as the operator gives them: the next is given when one has ended.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry

from picshapes_cli.bench.gpu_paper import NAMESPACE, WORKER_ID, PaperServer, claimed_job
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import Changed, Listed
from picshapes_crds.scheduling.fit import PLACES
from picshapes_worker.assignment import Assignment
from picshapes_worker.call_thread import CallThread
from picshapes_worker.context import WorkerContext
from picshapes_worker.device import Device
from picshapes_worker.engine import Engine, OnStep, Picture, Request
from picshapes_worker.engine_host import ThreadedHost
from picshapes_worker.memory_limits import MemoryLimits
from picshapes_worker.metrics import Metrics
from picshapes_worker.store import PictureStore
from picshapes_worker.vitals import Budgets, Vitals
from picshapes_worker.work import Work

Answer = TypeVar("Answer")

ROUND_TIMEOUT_S: Final = 3600.0


class JobFailedError(RuntimeError):
    """A job of the benchmark ended without a picture; the log says why."""


@dataclass(frozen=True)
class Asked:
    """The pictures of a benchmark: squares of one model."""

    model: str
    side_px: int
    steps: int


@dataclass(frozen=True)
class Round:
    """What a round took, from its first job's claim to its last one's end, in seconds; and the engine's gaps."""

    pictures: int
    seconds: float
    processor_s: float
    gaps_s: tuple[float, ...]


class TimedEngine:
    """An engine that notes when each generation begins and ends, in its own thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.spans: list[tuple[float, float]] = []

    def load(self, model: str) -> None:
        """Bring a model into device memory."""
        self._engine.load(model)

    def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture."""
        began = time.perf_counter()
        picture = self._engine.generate(request, on_step)
        self.spans.append((began, time.perf_counter()))
        return picture

    def free(self, *, keep: str) -> None:
        """Give back all device memory but one model's."""
        self._engine.free(keep=keep)

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return self._engine.loaded()


class BenchedWorker:
    """A worker without a cluster."""

    def __init__(self, engine: Engine, device: Device, catalogue: Catalogue, folder: Path) -> None:
        self._engine, self._device, self._catalogue, self._folder = engine, device, catalogue, folder
        self._thread = CallThread("engine")
        self._numbers = count()

    async def aside(self, function: Callable[[], Answer]) -> Answer:
        """Run something else in the engine's own thread, on the same terms as the engine."""
        return await self._thread.call(function)

    def close(self) -> None:
        """Let the engine's thread end."""
        self._thread.close()

    async def round(self, asked: Asked, pictures: int) -> Round:
        """Make so many pictures, each stored as a file; raises `JobFailedError`."""
        timed, ends, all_ended = TimedEngine(self._engine), list[str](), asyncio.Event()
        assignment = Assignment(WORKER_ID)

        def give() -> None:
            assignment.observe(Changed(claimed_job(next(self._numbers), asked.model, asked.side_px, asked.steps)))
            work.look()

        def ended(phase: str) -> None:
            ends.append(phase)
            if len(ends) + PLACES <= pictures:
                give()
            if len(ends) == pictures:
                all_ended.set()

        work = Work(assignment, self._context(timed, PaperServer(ended)))
        assignment.observe(Listed([]))
        began, processor_began = time.perf_counter(), time.process_time()
        running = asyncio.create_task(work.run())
        for _ in range(min(PLACES, pictures)):
            give()
        async with asyncio.timeout(ROUND_TIMEOUT_S):
            await all_ended.wait()
        seconds, processor_s = time.perf_counter() - began, time.process_time() - processor_began
        work.drain()
        await running
        if set(ends) != {"Completed"}:
            raise JobFailedError(f"jobs ended {', '.join(sorted(set(ends)))}; the log says why")
        gaps = tuple(after[0] - before[1] for before, after in pairwise(timed.spans))
        return Round(pictures, seconds, processor_s, gaps)

    def _context(self, engine: Engine, server: PaperServer) -> WorkerContext:
        clock = SystemClock()
        vitals = Vitals(clock, Budgets(load_s=ROUND_TIMEOUT_S, step_s=ROUND_TIMEOUT_S))
        return WorkerContext(
            cluster=server,
            namespace=NAMESPACE,
            store=PictureStore(self._folder.as_uri()),
            host=ThreadedHost(engine, self._thread, vitals),
            catalogue=self._catalogue,
            clock=clock,
            rng=random.Random(),
            metrics=Metrics(CollectorRegistry()),
            models_loaded=lambda _: None,
            memory=MemoryLimits(lambda _: None),
            device=self._device.name,
            public_url=None,
        )

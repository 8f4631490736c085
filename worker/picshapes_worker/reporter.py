"""Says in a job's status that it runs and how far it is, but only for jobs that are not quick.

A quick job's Processing folds into its terminal write, which saves the API server a write a job. Writes here are
fenced. One that fails is not repeated: the next turn says more.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from picshapes_crds import patches
from picshapes_crds.cluster import ClusterError, Json
from picshapes_worker.context import WorkerContext
from picshapes_worker.control import Control
from picshapes_worker.job_name import JobName

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    """When a status is written, in seconds from the begin of inference."""

    processing_after_s: float = 1.0
    progress_after_s: float = 5.0
    progress_every_s: float = 2.0


HOUSE_PACE: Final = Pace()


@dataclass(frozen=True)
class Subject:
    """The job reported on."""

    job_name: JobName
    fence: patches.Fence
    started_at: datetime
    seed: int
    steps: int


class Reporter:
    """Reports on one job from its making until `end`."""

    def __init__(
        self, subject: Subject, control: Control, context: WorkerContext, pace: Pace = HOUSE_PACE
    ) -> None:
        self._subject, self._control, self._context = subject, control, context
        self._pace = pace
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # A timer, not a task: most jobs end before it fires, and it costs next to nothing.
        self._timer = asyncio.get_running_loop().call_later(pace.processing_after_s, self._begin)

    async def end(self) -> None:
        """Stop reporting, once a write under way is answered: a terminal write must be the last."""
        self._timer.cancel()
        self._ended.set()
        if self._task is not None:
            await self._task

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._report())

    async def _report(self) -> None:
        subject = self._subject
        processing = False
        told = -1
        pause_s = self._pace.progress_after_s - self._pace.processing_after_s
        while True:
            done = self._control.steps_done
            if not processing:
                begun = patches.processing(
                    subject.fence, subject.started_at, subject.seed, f"{done}/{subject.steps}"
                )
                processing = await self._write(begun)
                told = done
            elif done != told:
                await self._write(patches.progress(subject.fence, done, subject.steps))
                told = done
            if await self._ends_within(pause_s):
                return
            pause_s = self._pace.progress_every_s

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _write(self, operations: list[Json]) -> bool:
        try:
            await self._context.patch_status(self._subject.job_name, operations)
        except ClusterError as error:
            job = self._context.logged(self._subject.job_name)
            log.info("progress.unwritten", job=job, error=str(error))
            return False
        return True

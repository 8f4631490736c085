"""Runs this process's claims one after another, two stages overlapping: the engine never waits for an upload.

`look` is called after each observation of the watch; it stops a running job that must not go on, ends waiting
ones that need no engine, and wakes the loop. While the worker drains, waiting claims are given back.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Final

import structlog

from picshapes_crds import patches
from picshapes_crds.cluster import ClusterError, InvalidError, NotFoundError
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.phases import Phase
from picshapes_worker.assignment import Assignment, Claim, Stop, Unreadable
from picshapes_worker.context import WorkerContext
from picshapes_worker.control import Control
from picshapes_worker.failure import INTERNAL_ERROR, stopped
from picshapes_worker.finishing import FinishingStage
from picshapes_worker.inference import Inference, InferenceStage
from picshapes_worker.terminal import OPERATOR_PATIENCE_S, TerminalWrite, end_job

HAND_BACK_TRIES: Final = 6

log = structlog.get_logger(__name__)


class Work:
    """The jobs of one worker process."""

    def __init__(self, assignment: Assignment, context: WorkerContext) -> None:
        self._assignment, self._context = assignment, context
        self._running: tuple[Claim, Control] | None = None
        self._wake = asyncio.Event()
        self._draining = False
        self._fault: Exception | None = None
        self.broken = asyncio.Event()
        """Set when the engine broke: the worker drains by itself, and `run` ends with the error."""
        self._side_tasks: set[asyncio.Task[object]] = set()
        """Writes that need no engine: of claims that are refused or given back."""

    async def run(self) -> None:
        """Run claims until the worker drains and the last one has ended; raises what broke the engine."""
        last: tuple[FinishingStage, asyncio.Task[None]] | None = None
        while (claim := await self._next()) is not None:
            inference = await self._infer(claim)
            if last is not None:
                await self._pass(*last)
            stage = FinishingStage(claim, self._until(claim), self._context)
            last = stage, asyncio.create_task(stage.run(inference))
        if last is not None:
            await last[1]
        if self._side_tasks:
            await asyncio.gather(*self._side_tasks)
        if self._fault is not None:
            raise self._fault

    def drain(self) -> None:
        """Take no new work: give back what waits, and let `run` return once the running job has ended."""
        self._draining = True
        self.look()

    def abandon(self) -> None:
        """Stop the running job, which outlasted the grace of a drain."""
        if self._running is not None:
            self._running[1].stop = Stop.DRAINED

    def look(self) -> None:
        """Act on what the assignment shows now."""
        now = self._context.clock.now()
        if self._running is not None:
            claim, control = self._running
            control.stop = control.stop or self._assignment.stop(claim.fence, now)
        self._sweep(now)
        self._wake.set()

    def refuse(self, bad: Unreadable) -> None:
        """End a claim that can't be read."""
        log.error("claim.unreadable", job=self._context.logged(bad.job_name), fault=bad.fault)
        now = self._context.clock.now()
        operations = patches.failed(bad.fence, INTERNAL_ERROR.reason, INTERNAL_ERROR.message, now)
        until = self._context.clock.monotonic() + OPERATOR_PATIENCE_S
        self._aside(self._end(TerminalWrite(bad.job_name, bad.fence, operations, None), until))

    async def _pass(self, stage: FinishingStage, finishing: asyncio.Task[None]) -> None:
        """Wait until a job's second stage has ended; one that is denied its write goes on aside.

        Jobs of other namespaces must not wait until the right to write in this one is there again.
        """
        await asyncio.wait({finishing, stage.denied}, return_when=asyncio.FIRST_COMPLETED)
        if finishing.done():
            await finishing
        else:
            self._keep(finishing)

    async def _next(self) -> Claim | None:
        """Wait for a claim to run; None once the worker drains."""
        while not self._draining:
            self._wake.clear()
            self._sweep(self._context.clock.now())
            waiting = self._assignment.waiting()
            if waiting:
                self._assignment.take(waiting[0])
                return waiting[0]
            await self._wake.wait()
        return None

    async def _infer(self, claim: Claim) -> Inference:
        clock = self._context.clock
        control = Control(clock.monotonic() + (claim.deadline - clock.now()).total_seconds(), clock)
        self._running = (claim, control)
        try:
            inference = await InferenceStage(claim, control, self._context).run()
        finally:
            self._running = None
        if inference.broken is not None:
            self._fault = inference.broken
            self.broken.set()
            self.drain()
        if inference.outcome is Stop.DRAINED:
            if inference.reporter is not None:
                await inference.reporter.end()  # a Processing under way must not come after
            if not await self._hand_back(claim):
                await self._hand_back(claim, Phase.PROCESSING)
        return inference

    def _sweep(self, now: datetime) -> None:
        """Deal with the waiting claims that are not to be run."""
        for claim in self._assignment.waiting():
            stop = claim.stop(now)
            if stop is not None:
                self._assignment.take(claim)
                stage = FinishingStage(claim, self._until(claim), self._context)
                self._aside(stage.run(Inference(stopped(claim, stop), None)))
            elif self._draining:
                self._assignment.take(claim)
                self._aside(self._hand_back(claim))

    async def _hand_back(self, claim: Claim, phase: Phase = Phase.CLAIMED) -> bool:
        """Give a claim of this phase back; refused, which is False, when it is lost or in another phase."""
        job = self._context.logged(claim.job_name)
        for attempt in range(HAND_BACK_TRIES):
            try:
                await self._context.patch_status(claim.job_name, patches.hand_back(claim.fence, phase))
            except (InvalidError, NotFoundError) as error:
                log.info("claim.not_handed_back", job=job, phase=phase, error=str(error))
                return False
            except ClusterError as error:
                log.warning("hand_back.retry", job=job, error=str(error))
            else:
                log.info("claim.handed_back", job=job)
                return True
            await self._context.clock.sleep(backoff_s(attempt, self._context.rng))
        log.error("claim.not_handed_back", job=job, error=f"tried {HAND_BACK_TRIES} times")
        return False

    async def _end(self, write: TerminalWrite, until: float) -> None:
        ending = await end_job(write, until, self._context)
        log.info("job.ended", job=self._context.logged(write.job_name), ending=ending.name)

    def _until(self, claim: Claim) -> float:
        """Return the monotonic time until which the claim can be ours."""
        clock = self._context.clock
        left_s = (claim.deadline - clock.now()).total_seconds()
        return clock.monotonic() + max(left_s, 0.0) + OPERATOR_PATIENCE_S

    def _aside(self, work: Coroutine[Any, Any, object]) -> None:
        self._keep(asyncio.create_task(work))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

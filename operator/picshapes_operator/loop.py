"""The one control loop: woken by changes, it takes a snapshot, decides, and hands the decisions to the writer."""

import asyncio
from typing import Final

from picshapes_crds import patches
from picshapes_crds.clock import Clock
from picshapes_crds.leadership import Leadership
from picshapes_crds.phases import Phase, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.fit import PLACES
from picshapes_operator.explanations import Explanations
from picshapes_operator.metrics import Metrics
from picshapes_operator.rebalance import rebalance
from picshapes_operator.recover import Fail, Holder, Requeue, recover
from picshapes_operator.schedule import explained, schedule
from picshapes_operator.snapshot import Claim
from picshapes_operator.state import ClusterState
from picshapes_operator.writer import Writer

TICK_S: Final = 0.5
"""The longest time between two passes: deadlines and leases run out without any event."""
GATHER_S: Final = 0.002
"""How long changes are gathered before a pass."""
HEADS: Final = 256
"""Jobs of each queue that one pass looks at."""


class Loop:
    """Decides while this process is the leader and has seen the whole cluster once."""

    def __init__(
        self, state: ClusterState, writer: Writer, leadership: Leadership, clock: Clock, metrics: Metrics
    ) -> None:
        self._state, self._writer, self._leadership = state, writer, leadership
        self._clock, self._metrics = clock, metrics
        self._explanations = Explanations()
        self._ticked_at = float("-inf")
        self.passed_at = clock.monotonic()
        """Monotonic time of the last pass, leading or not; for `/healthz`."""

    async def run(self) -> None:
        """Pass after pass, for ever."""
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._state.changed.wait()
            except TimeoutError:
                pass  # a tick
            await self._clock.sleep(GATHER_S)
            self._state.changed.clear()
            began = self._clock.monotonic()
            leads = self._leadership.held() and self._state.fleet.synced
            if leads:
                self.step()
            self.passed_at = self._clock.monotonic()
            self._metrics.leader.set(leads)
            self._metrics.loop.observe(self.passed_at - began)

    def step(self) -> None:
        """Decide once and begin the writes."""
        self._schedule()
        if self._clock.monotonic() - self._ticked_at >= TICK_S:
            self._ticked_at = self._clock.monotonic()
            self._tick()
        for uid in list(self._state.urgent):
            self._recover(self._state.jobs[uid])
        now = self._clock.now()
        for uid in self._state.overdue(now):
            self._recover(self._state.jobs[uid])
            self._state.look_again(uid, now)
        for uid in self._state.expired(now):
            if not self._writer.busy(uid):
                self._writer.delete(self._state.jobs[uid])
            self._state.look_again(uid, now)

    def _tick(self) -> None:
        """Do what need not be done at every change."""
        for job in self._state.held_jobs():
            self._recover(job)
        self._state.waiting.age(self._clock.now())
        self._rebalance()
        self._explain()

    def _schedule(self) -> None:
        workers = self._state.workers()
        free = sum(PLACES - worker.held for worker in workers if worker.accepting and worker.held < PLACES)
        if free and len(self._state.waiting.queues):
            for claim in schedule(self._state.snapshot(min(free, HEADS), workers)):
                self._claim(claim)

    def _explain(self) -> None:
        state = self._state
        waiting = [*explained(state.snapshot(HEADS, state.workers())), *state.waiting.refusals()]
        for one in self._explanations.due(waiting, state.jobs, self._clock.monotonic()):
            if not self._writer.busy(one.job):
                job = state.jobs[one.job]
                body = patches.unschedulable(job, one.reason, one.message, self._clock.now())
                self._writer.patch_status("explain", job, body)

    def _rebalance(self) -> None:
        for uid in rebalance(self._state.waiting_claims(), self._state.workers()):
            if not self._writer.busy(uid):
                job = self._state.jobs[uid]
                message = "handed back: a worker that fits became free"
                body = patches.requeue(job, Reason.REBALANCED, message, self._clock.now(), failed=False)
                self._metrics.requeues.labels(Reason.REBALANCED.value).inc()
                self._writer.patch_status("rebalance", job, body)

    def _claim(self, claim: Claim) -> None:
        if self._writer.busy(claim.job):
            return
        job, now = self._state.jobs[claim.job], self._clock.now()
        body = patches.claim(job, self._state.waiting.resolved(claim.job), claim.worker_name, claim.worker_id, now)
        self._state.claiming(claim.job, claim.worker_id)
        self._writer.patch_status("claim", job, body)
        if job.status.attempt == 0:
            self._metrics.claim_latency.observe((now - job.metadata.creation_timestamp).total_seconds())

    def _recover(self, job: GenerationJob) -> None:
        if self._writer.busy(job.metadata.uid):
            return
        now = self._clock.now()
        match recover(job, self._holder(job), now):
            case Requeue(reason, message, failed):
                body = patches.requeue(job, reason, message, now, failed=failed)
                self._metrics.requeues.labels(reason.value).inc()
                self._writer.patch_status("requeue", job, body)
            case Fail(reason, message):
                self._writer.patch_status("fail", job, patches.fail(job, reason, message, now))
            case None:
                pass

    def _holder(self, job: GenerationJob) -> Holder:
        if job.status.phase is Phase.PENDING:
            return Holder.UNKNOWN
        status, monotonic = job.status, self._clock.monotonic()
        return self._state.fleet.holder(status.worker_name or "", status.worker_id or "", monotonic)

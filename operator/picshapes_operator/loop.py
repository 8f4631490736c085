"""The one control loop: woken by changes, it takes a snapshot, decides, and hands the decisions to the writer."""

import asyncio
from typing import Final

from picshapes_crds import patches
from picshapes_crds.clock import Clock
from picshapes_crds.leadership import Leadership
from picshapes_crds.phases import HELD, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_operator.explanations import HOLD_S
from picshapes_operator.metrics import Metrics
from picshapes_operator.rebalance import rebalance
from picshapes_operator.recover import LOST, Fail, Holder, Requeue, recover
from picshapes_operator.schedule import schedule
from picshapes_operator.snapshot import Claim
from picshapes_operator.state import ClusterState
from picshapes_operator.told import Told
from picshapes_operator.writer import Writer

TICK_S: Final = 0.5
"""The longest time between two passes: deadlines and leases run out without any event."""
GATHER_S: Final = 0.002
"""How long changes are gathered before a pass."""
MOST: Final = 256
"""Claims that one pass decides on; the next one follows at once."""


class Loop:
    """Decides while this process is the leader and has seen the whole cluster once."""

    def __init__(
        self, state: ClusterState, writer: Writer, leadership: Leadership, clock: Clock, metrics: Metrics
    ) -> None:
        self._state, self._writer, self._leadership = state, writer, leadership
        self._clock, self._metrics = clock, metrics
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
        ticks = self._clock.monotonic() - self._ticked_at >= TICK_S
        self._state.look(everything=ticks)
        self._schedule()
        if ticks:
            self._ticked_at = self._clock.monotonic()
            self._tick()
        for uid in list(self._state.urgent):
            self._recover(self._state.jobs[uid])
        now, deadlines = self._clock.now(), self._state.deadlines
        for uid in deadlines.overdue(now):
            self._recover(self._state.jobs[uid])
            deadlines.again(self._state.jobs[uid], now)
        for uid in deadlines.expired(now):
            if not self._writer.busy(uid):
                self._writer.delete(self._state.jobs[uid])
            deadlines.again(self._state.jobs[uid], now)

    def _tick(self) -> None:
        """Do what need not be done at every change."""
        self._recover_lost()
        self._state.waiting.age(self._clock.now())
        self._rebalance()
        self._explain()

    def _schedule(self) -> None:
        if not self._state.waiting.anyone:
            return
        snapshot = self._state.open_snapshot(MOST)
        if snapshot.most:
            for claim in schedule(snapshot):
                self._claim(claim)
        if snapshot.most == MOST:
            self._state.changed.set()  # there may be more to claim

    def _explain(self) -> None:
        roster = self._state.roster
        told = Told(self._state.waiting, roster.workers(), self._clock.now(), roster.offers)
        for uid, why in told.due(self._state.explanations, self._state.jobs):
            if self._writer.busy(uid):
                self._state.explanations.look_again(uid, told.now.timestamp() + HOLD_S)
            else:
                job = self._state.jobs[uid]
                body = patches.unschedulable(job, why.reason, why.message, told.now)
                self._writer.patch_status("explain", job, body)

    def _rebalance(self) -> None:
        idle = [(kind.example, kind.idle) for kind in self._state.roster.free_kinds() if kind.idle]
        if not (idle or self._state.roster.overfull):
            return
        for uid in rebalance(self._state.waiting_claims(), idle):
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

    def _recover_lost(self) -> None:
        """Look at the jobs of workers that are lost, and at no others: theirs are safe, however many they are."""
        fleet, monotonic = self._state.fleet, self._clock.monotonic()
        for name, worker_id, jobs in self._state.held.holders(but=fleet.living(monotonic)):
            if fleet.holder(name, worker_id, monotonic) in LOST:
                for job in jobs:
                    self._recover(job)

    def _recover(self, job: GenerationJob) -> None:
        if self._writer.busy(job.metadata.uid):
            return
        now = self._clock.now()
        holder, first = Holder.UNKNOWN, False
        if job.status.phase in HELD:
            worker_id = job.status.worker_id or ""
            holder = self._state.fleet.holder(job.status.worker_name or "", worker_id, self._clock.monotonic())
            first = self._state.held.first(worker_id) == job.metadata.uid
        match recover(job, holder, now, first=first):
            case Requeue(reason, message, failed, is_first):
                body = patches.requeue(job, reason, message, now, failed=failed, first=is_first)
                self._metrics.requeues.labels(reason.value).inc()
                self._writer.patch_status("requeue", job, body)
            case Fail(reason, message):
                self._writer.patch_status("fail", job, patches.fail(job, reason, message, now))
            case None:
                pass

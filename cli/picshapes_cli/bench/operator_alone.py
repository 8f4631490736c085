"""`python -m picshapes_cli.bench.operator_alone LOAD FILE`: the operator's own state, loop and writer alone.

LOAD is the JSON of a `Load`. All workers are full all the time: so many times a second a job ends, is deleted, and
a new one arrives, and the operator claims the next. The file gets what that cost in processor time, and what the
waiting jobs cost in memory. kopf, the network and the reading of JSON from it are left out: they don't depend on
how much waits.
"""

import asyncio
import gc
import json
import random
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil
import uvloop
from prometheus_client import CollectorRegistry

from picshapes_cli.bench.paper_cluster import NAMESPACE, PaperCluster
from picshapes_crds import logs
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.scheduling.fit import PLACES
from picshapes_operator.loop import Loop
from picshapes_operator.metrics import Metrics
from picshapes_operator.schedule import schedule
from picshapes_operator.state import ClusterState
from picshapes_operator.writer import Writer

WARM_UP: Final = 50
DECIDED: Final = 10
"""As many as the fewest workers compared: with more, these take two jobs each, and fewer of them are looked at."""
DECISIONS: Final = 50
BATCHES: Final = 15
"""Of so many decisions: each takes a few milliseconds, and on a busy machine one may take twice another's time."""
TIMEOUT_S: Final = 300.0


@dataclass(frozen=True)
class Load:
    """What the operator is given; all workers' places are taken besides. With no claims, it only decides."""

    pending: int
    workers: int
    claims: int
    rate: float
    """Claims a second."""


@dataclass(frozen=True)
class Cost:
    """What it took."""

    cpu_ms_a_claim: float
    cpu_ms_a_renewal: float
    """Of a worker's Lease, with the pass of the loop that follows."""
    bytes_a_pending_job: float
    json_bytes: int
    decision_ms_a_claim: float
    """Of the decision alone, on ten jobs, with all workers free."""


class _Alone:
    """The operator's parts, and the world that they see."""

    def __init__(self, load: Load) -> None:
        clock, catalogue = SystemClock(), Catalogue.load("demo")
        metrics = Metrics(CollectorRegistry())
        self.load, self.cluster, self._arrived = load, PaperCluster(catalogue), 0
        self.state = ClusterState(catalogue, clock, metrics.ended)
        self.leadership = Leadership(self.cluster, Seat(NAMESPACE, "operator", "alone"), clock)
        writer = Writer(self.cluster, self.state, clock, metrics, random.Random())
        self.loop = Loop(self.state, writer, self.leadership, clock, metrics)

    def workers_appear(self) -> None:
        """Let all workers be seen, with nothing to do."""
        seen = [self.cluster.worker(number) for number in range(self.load.workers)]
        for pod, _ in seen:
            self.state.observe_pod(pod)
        self.state.fleet.keep_pods({pod["metadata"]["uid"] for pod, _ in seen}, 0)
        self.state.fleet.leases_listed([lease for _, lease in seen], time.monotonic())

    def arrive(self, count: int) -> int:
        """Let so many more jobs be seen; return the bytes of the last one's JSON."""
        size = 0
        for number in range(self._arrived, self._arrived + count):
            seen = self.cluster.waiting_job(number)
            self.state.observe_job(json.loads(seen))
            size = len(seen)
        self._arrived += count
        return size

    async def claim(self, count: int) -> float:
        """Have so many jobs end, one by one; return the processor time, in seconds, until all are replaced."""
        wanted = self.cluster.claims + count
        began, used = time.monotonic(), time.process_time()
        for number in range(count):
            await asyncio.sleep(began + number / self.load.rate - time.monotonic())
            ended = self.cluster.completed()
            self.state.observe_job(ended)
            self.state.forget_job(ended["metadata"]["uid"])
            self.arrive(1)
            self.hear()
        await self.until_claimed(wanted)
        return time.process_time() - used

    async def until_claimed(self, count: int) -> None:
        """Wait until so many jobs have been claimed since the start."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.cluster.claims < count:
                self.cluster.claimed.clear()
                await self.cluster.claimed.wait()
                self.hear()

    async def renew(self, count: int) -> float:
        """Have Leases renewed, one after the other; return the processor time, in seconds."""
        began, used = time.monotonic(), time.process_time()
        for number in range(count):
            await asyncio.sleep(began + number / self.load.rate - time.monotonic())
            _, lease = self.cluster.worker(number % self.load.workers)
            self.state.fleet.observe_lease(lease, time.monotonic())
            self.state.changed.set()
        return time.process_time() - used

    def decide(self) -> float:
        """Return the processor time of a decision, in seconds a claim; workers are free, nothing comes of it."""
        self.state.look(everything=True)
        return statistics.median(self._decide() for _ in range(BATCHES))

    def _decide(self) -> float:
        used = time.process_time()
        claims = sum(len(schedule(self.state.open_snapshot(DECIDED))) for _ in range(DECISIONS))
        return (time.process_time() - used) / claims

    def hear(self) -> None:
        """Let the claims be seen on the watch, which the operator has been told of by the answers."""
        for job in self.cluster.told:
            self.state.observe_job(job)
        self.cluster.told.clear()


async def measure(load: Load) -> Cost:
    """Fill all places, let the jobs wait, and measure."""
    alone = _Alone(load)
    alone.workers_appear()
    size = alone.arrive(PLACES * load.workers)
    decision_ms = alone.decide() * 1000
    if not load.claims:
        return Cost(0, 0, 0, size, decision_ms)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(alone.leadership.run()), tasks.create_task(alone.loop.run())]
        await alone.until_claimed(PLACES * load.workers)
        gc.collect()
        before = psutil.Process().memory_info().rss
        json_bytes = alone.arrive(load.pending)
        gc.collect()
        held = psutil.Process().memory_info().rss - before
        await alone.claim(min(WARM_UP, load.claims))
        claims_s, renewals_s = await alone.claim(load.claims), await alone.renew(load.claims)
        for one in running:
            one.cancel()
    a_claim, a_renewal = (used_s * 1000 / load.claims for used_s in (claims_s, renewals_s))
    return Cost(a_claim, a_renewal, held / load.pending, json_bytes, decision_ms)


if __name__ == "__main__":
    logs.configure("operator", form="json", level="INFO")  # a line a write, as in production
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        cost = runner.run(measure(Load(**json.loads(sys.argv[1]))))
    Path(sys.argv[2]).write_text(json.dumps(asdict(cost)), encoding="utf-8")

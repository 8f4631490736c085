"""Gauges read off the operator's state at the moment of the scrape."""

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from picshapes_crds.clock import Clock
from picshapes_crds.phases import Phase
from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.grouping import BEYOND_MIB
from picshapes_operator.pools import Backlog, Pool, wanted_workers
from picshapes_operator.state import ClusterState


class StateCollector(Collector):
    """Jobs by phase; depth and oldest age of each queue; workers by state; workers wanted of each pool."""

    def __init__(self, state: ClusterState, clock: Clock, pools: Sequence[Pool], drain_s: float) -> None:
        self._state, self._clock, self._pools, self._drain_s = state, clock, pools, drain_s

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        jobs = GaugeMetricFamily("picshapes_jobs", "Jobs known, by phase", labels=["phase"])
        for phase, count in _counts(self._state).items():
            jobs.add_metric([phase.value], count)
        yield jobs
        labels = ["model", "memory_class_mib"]
        depth = GaugeMetricFamily("picshapes_queue_depth", "Jobs that wait", labels=labels)
        oldest = GaugeMetricFamily(
            "picshapes_queue_oldest_age_seconds", "Age of the oldest of them", labels=labels
        )
        now_s = self._clock.now().timestamp()
        queues = self._state.waiting.queues
        depths, oldest_s = Counter[tuple[str, str]](), dict[tuple[str, str], float]()
        for demand in queues.demands():  # those of namespaces that not all workers watch are counted to the others
            beyond = demand.min_vram_mib == BEYOND_MIB
            values = (demand.model, "none" if beyond else str(demand.min_vram_mib))
            depths[values] += queues.depth(demand)
            oldest_s[values] = min(oldest_s.get(values, now_s), queues.oldest_s(demand))
        for values, count in depths.items():
            depth.add_metric(values, count)
            oldest.add_metric(values, now_s - oldest_s[values])
        yield depth
        yield oldest
        workers = GaugeMetricFamily("picshapes_workers", "Workers known, by state", labels=["state"])
        found = Counter(_state_of(worker) for worker in self._state.workers())
        for name in ("idle", "busy", "not_accepting"):
            workers.add_metric([name], found[name])
        yield workers
        wanted = GaugeMetricFamily(
            "picshapes_pool_wanted_workers", "Workers that get through a pool's jobs in time", labels=["pool"]
        )
        for pool, count in wanted_workers(self._pools, _backlog(self._state), self._drain_s).items():
            wanted.add_metric([pool], count)
        yield wanted


def _state_of(worker: Worker) -> str:
    if not worker.accepting:
        return "not_accepting"
    return "busy" if worker.held else "idle"


def _counts(state: ClusterState) -> dict[Phase, int]:
    counts = dict.fromkeys(Phase, 0)
    for job in state.jobs.values():
        counts[job.status.phase] += 1
    return counts


def _backlog(state: ClusterState) -> list[Backlog]:
    """Return what is to be done: the jobs that wait and those that are held, by what they need."""
    queues = state.waiting.queues
    waiting = [Backlog(one, queues.depth(one), queues.work_s(one)) for one in queues.demands()]
    held = [
        Backlog(state.waiting.demand(job, resolved), 1, state.accounting.run_s(job, resolved))
        for job in state.held.all()
        if (resolved := job.status.resolved)
    ]
    return waiting + held

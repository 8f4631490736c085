"""Gauges read off the operator's state at the moment of the scrape."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from picshapes_crds.clock import Clock
from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.state import ClusterState


class StateCollector(Collector):
    """Jobs by phase; depth and oldest age of each queue; workers by state."""

    def __init__(self, state: ClusterState, clock: Clock) -> None:
        self._state, self._clock = state, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        jobs = GaugeMetricFamily("picshapes_jobs", "Jobs known, by phase", labels=["phase"])
        for phase, count in self._state.counts().items():
            jobs.add_metric([phase.value], count)
        yield jobs
        labels = ["model", "min_vram_mib"]
        depth = GaugeMetricFamily("picshapes_queue_depth", "Jobs that wait", labels=labels)
        oldest = GaugeMetricFamily(
            "picshapes_queue_oldest_age_seconds", "Age of the oldest of them", labels=labels
        )
        now_s = self._clock.now().timestamp()
        for demand, (count, oldest_s) in self._state.waiting.queues.depths().items():
            values = [demand.model, str(demand.min_vram_mib)]
            depth.add_metric(values, count)
            oldest.add_metric(values, max(0.0, now_s - oldest_s))
        yield depth
        yield oldest
        workers = GaugeMetricFamily("picshapes_workers", "Workers known, by state", labels=["state"])
        found = Counter(_state_of(worker) for worker in self._state.workers())
        for name in ("idle", "busy", "not_accepting"):
            workers.add_metric([name], found[name])
        yield workers


def _state_of(worker: Worker) -> str:
    if not worker.accepting:
        return "not_accepting"
    return "busy" if worker.held else "idle"

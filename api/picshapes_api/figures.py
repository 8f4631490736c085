"""Figures of the API's own work, read when they are asked for."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from picshapes_api.cluster.job_cache import JobCache


class JobFigures:
    """How many jobs were accepted and how they ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter(
            "picshapes_api_jobs_accepted", "Jobs accepted", ["model", "tier"], registry=registry
        )
        self.replayed = Counter(
            "picshapes_api_jobs_replayed", "Submissions answered by an earlier job", registry=registry
        )
        self.closed = Counter(
            "picshapes_api_jobs_closed", "Jobs settled in the database", ["status", "reason"], registry=registry
        )


class StateCollector(Collector):
    """The state of this process, at the time of the scrape."""

    def __init__(self, cache: JobCache, leads: Callable[[], bool]) -> None:
        self._cache, self._leads = cache, leads

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        gauges = {
            "picshapes_api_cached_jobs": ("Jobs of the own namespace, as seen", len(self._cache.all())),
            "picshapes_api_unfinished_jobs": ("Unfinished jobs of the API in the cluster", self._cache.unfinished),
            "picshapes_api_cache_trustworthy": ("1 while the watch of jobs is alive", self._cache.trustworthy),
            "picshapes_api_leader": ("1 while this process mirrors jobs", self._leads()),
        }
        for name, (words, value) in gauges.items():
            yield GaugeMetricFamily(name, words, value=float(value))

"""What is read off the state at a scrape."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from picshapes_crds.catalogue import Catalogue
from picshapes_operator.collector import StateCollector
from picshapes_operator.pools import Pool
from picshapes_operator.state import ClusterState

from .test_state import CLAIMED, NOW, RESOLVED, FixedClock, job


def test_queues_are_told_by_memory_class_and_pools_by_what_they_have_to_do() -> None:
    clock = FixedClock()
    state = ClusterState(Catalogue.load("demo"), clock)
    registry = CollectorRegistry()
    registry.register(StateCollector(state, clock, [Pool(name="small", vram_mib=24_564)], 60))
    state.waiting.queues.split_at(24_564)
    assert registry.get_sample_value("picshapes_pool_wanted_workers", {"pool": "small"}) == 0
    state.observe_job(job("held", 1, CLAIMED | {"resolved": RESOLVED}))
    for uid in ("a", "b"):
        state.observe_job(job(uid, 1))
    clock.moment = NOW + timedelta(seconds=25)
    labels = {"model": "flux-schnell", "memory_class_mib": "24564"}
    assert registry.get_sample_value("picshapes_queue_depth", labels) == 2
    assert registry.get_sample_value("picshapes_queue_oldest_age_seconds", labels) == 30
    assert registry.get_sample_value("picshapes_jobs", {"phase": "Claimed"}) == 1
    assert registry.get_sample_value("picshapes_pool_wanted_workers", {"pool": "small"}) == 1


def test_jobs_of_a_namespace_that_not_all_workers_watch_are_counted_to_the_others() -> None:
    clock = FixedClock()
    state = ClusterState(Catalogue.load("demo"), clock)
    registry = CollectorRegistry()
    registry.register(StateCollector(state, clock, [], 60))
    state.waiting.queues.watched_by_all(frozenset({"n"}))
    other = job("b", 1)
    other["metadata"]["namespace"] = "team"
    for one in (job("a", 1), other):
        state.observe_job(one)
    assert len(state.waiting.queues.demands()) == 2
    labels = {"model": "flux-schnell", "memory_class_mib": "none"}
    assert registry.get_sample_value("picshapes_queue_depth", labels) == 2


def test_jobs_beyond_every_worker_are_told_as_such() -> None:
    clock = FixedClock()
    state = ClusterState(Catalogue.load("demo"), clock)
    registry = CollectorRegistry()
    registry.register(StateCollector(state, clock, [], 60))
    state.observe_job(job("a", 1))
    labels = {"model": "flux-schnell", "memory_class_mib": "none"}
    assert registry.get_sample_value("picshapes_queue_depth", labels) == 1

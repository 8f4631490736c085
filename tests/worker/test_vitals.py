"""When a process counts as alive and as ready."""

import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry
from tests.worker.memory import HandClock

from picshapes_worker.metrics import Metrics
from picshapes_worker.probes import ProbeServer
from picshapes_worker.vitals import Budgets, Vitals


@pytest.fixture
def vitals(clock: HandClock) -> Vitals:
    made = Vitals(clock, Budgets(load_s=1800, step_s=300))
    made.watch_silent_s = lambda: 1.0
    made.warm = made.stored = made.labelled = made.leased = True
    return made


def test_a_worker_is_ready_when_all_is_done_and_well(vitals: Vitals) -> None:
    assert vitals.ready()
    assert vitals.may_renew()
    assert vitals.live()


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("warm", "models are loading"),
        ("stored", "the store is not tried yet"),
        ("labelled", "the pod is not labelled yet"),
        ("leased", "the Lease is not held yet"),
    ],
)
def test_readiness_says_what_it_lacks(vitals: Vitals, flag: str, said: str) -> None:
    setattr(vitals, flag, False)

    assert vitals.lacking() == said


def test_a_draining_worker_is_not_ready_but_renews(vitals: Vitals) -> None:
    vitals.draining = True

    assert vitals.lacking() == "the worker drains"
    assert vitals.may_renew()


def test_a_watch_silent_for_90_s_ends_renewals_but_not_the_process(vitals: Vitals) -> None:
    vitals.watch_silent_s = lambda: 89.9
    assert vitals.may_renew()

    vitals.watch_silent_s = lambda: 90.0
    assert not vitals.may_renew()
    assert not vitals.ready()
    assert vitals.live()


def test_before_there_is_a_watch_the_process_renews_but_is_not_ready(vitals: Vitals) -> None:
    vitals.watch_silent_s = lambda: None

    assert vitals.may_renew()
    assert vitals.lacking() == "the watch of claims is silent"


def test_an_engine_that_makes_no_step_within_its_budget_ends_the_process(vitals: Vitals, clock: HandClock) -> None:
    with vitals.engine_generating():
        clock.passed_s = 299
        vitals.loop_beat()
        assert vitals.live()
        vitals.engine_stepped()
        clock.passed_s = 598
        vitals.loop_beat()
        assert vitals.live()
        clock.passed_s = 599
        assert not vitals.live()
        assert not vitals.may_renew()


def test_a_load_has_a_budget_of_its_own(vitals: Vitals, clock: HandClock) -> None:
    with vitals.engine_loading():
        clock.passed_s = 1799
        vitals.loop_beat()
        assert vitals.live()
        clock.passed_s = 1800
        assert not vitals.live()
    assert vitals.engine_well()


def test_an_idle_engine_has_no_budget(vitals: Vitals, clock: HandClock) -> None:
    clock.passed_s = 100_000
    vitals.loop_beat()

    assert vitals.live()


def test_an_event_loop_that_stands_still_ends_the_process(vitals: Vitals, clock: HandClock) -> None:
    clock.passed_s = 60

    assert not vitals.live()


def get(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_probes_answer_from_the_vitals_and_the_registry(vitals: Vitals) -> None:
    registry = CollectorRegistry()
    Metrics(registry).jobs.labels("flux-schnell", "Succeeded").inc()
    with ProbeServer(("127.0.0.1", 0), vitals, registry) as server:
        base = f"http://127.0.0.1:{server.port}"
        assert get(f"{base}/healthz") == (200, "live\n")
        assert get(f"{base}/readyz") == (200, "ready\n")
        vitals.draining = True
        assert get(f"{base}/readyz?verbose") == (503, "the worker drains\n")
        status, metrics = get(f"{base}/metrics")
        assert status == 200
        assert 'picshapes_worker_jobs_total{model="flux-schnell",reason="Succeeded"} 1.0' in metrics
        assert get(f"{base}/else") == (404, "not found\n")

    assert [one.name for one in threading.enumerate() if one.name == "probes"] == []

"""What a worker still does before it is Ready is seen wherever people look."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from tests.worker.memory import HandClock

from picshapes_worker.metrics import Metrics
from picshapes_worker.preparing import Preparing
from picshapes_worker.pulling import Arrived
from picshapes_worker.vitals import Budgets, Vitals

REFUSED = "the store s3://bucket refuses"


class Seen:
    """A worker's preparations, and what others see of them."""

    def __init__(self, clock: HandClock) -> None:
        self.lease: list[str] = []
        self.registry = CollectorRegistry()
        self.vitals = Vitals(clock, Budgets(load_s=1800, step_s=300))
        self.preparing = Preparing(self.vitals, Metrics(self.registry), self.lease.append)

    def metric(self, name: str, model: str) -> float | None:
        return self.registry.get_sample_value(name, {"model": model})


@pytest.fixture
def seen(clock: HandClock) -> Seen:
    return Seen(clock)


def test_what_arrives_is_shown_in_the_log_the_metrics_the_probe_and_the_lease(seen: Seen) -> None:
    with capture_logs() as lines:
        seen.preparing.arrived(Arrived("flux-schnell", 40, 100))
        seen.preparing.arrived(Arrived("flux-schnell", 41, 100))

    assert seen.lease == ["flux-schnell pulling 40%", "flux-schnell pulling 41%"]
    assert "models are loading: flux-schnell pulling 41%" in seen.vitals.lacking()
    assert seen.metric("picshapes_worker_weights_arrived_ratio", "flux-schnell") == 0.41
    assert seen.metric("picshapes_worker_model_preparing", "flux-schnell") == 1
    assert [line["percent"] for line in lines] == [40]


def test_one_model_after_the_other_is_shown_until_all_are_warm(seen: Seen) -> None:
    seen.preparing.model("flux-schnell", "loading")
    seen.preparing.model("z-image-turbo", "warming up")

    assert seen.metric("picshapes_worker_model_preparing", "flux-schnell") == 0
    assert seen.metric("picshapes_worker_model_preparing", "z-image-turbo") == 1
    assert not seen.vitals.warm
    seen.preparing.warm()

    assert seen.lease == ["flux-schnell loading", "z-image-turbo warming up", ""]
    assert seen.metric("picshapes_worker_model_preparing", "z-image-turbo") == 0
    assert seen.vitals.warm


def test_a_store_that_refuses_is_told_beside_what_loads(seen: Seen) -> None:
    seen.preparing.model("flux-schnell", "loading")
    seen.preparing.store_fault(REFUSED)
    assert seen.lease[-1] == f"flux-schnell loading; {REFUSED}"
    assert REFUSED in seen.vitals.lacking()
    seen.preparing.warm()
    assert seen.lease[-1] == REFUSED
    seen.preparing.stored()

    assert seen.lease[-1] == ""
    assert "store" not in seen.vitals.lacking()

"""What the operator counts."""

from prometheus_client import CollectorRegistry

from picshapes_operator.metrics import Metrics


def test_requeues_are_counted_from_zero_so_that_an_alert_sees_the_first_rise() -> None:
    registry = Metrics(CollectorRegistry()).registry
    for reason in ("WorkerLost", "Rebalanced"):
        assert registry.get_sample_value("picshapes_requeues_total", {"reason": reason}) == 0

"""What a worker counts."""

from prometheus_client import CollectorRegistry

from picshapes_crds.phases import Reason
from picshapes_worker.metrics import Metrics


def counted(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Return the figures of jobs, by model and reason."""
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {
        (sample.labels["model"], sample.labels["reason"]): sample.value
        for sample in samples
        if sample.name == "picshapes_worker_jobs_total"
    }


def test_every_end_of_every_model_served_is_counted_from_zero_so_that_an_alert_sees_the_first_rise() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.serves(["flux-schnell", "z-image-turbo"])
    ends = {
        Reason.SUCCEEDED,
        Reason.CANCELLED,
        Reason.DEADLINE_EXCEEDED,
        Reason.OUT_OF_MEMORY,
        Reason.INVALID_OUTPUT,
        Reason.STORAGE_FAILED,
        Reason.MODEL_UNAVAILABLE,
        Reason.INTERNAL_ERROR,
    }
    assert counted(registry) == {(model, end): 0 for model in ("flux-schnell", "z-image-turbo") for end in ends}

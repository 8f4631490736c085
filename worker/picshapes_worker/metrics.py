"""What a worker counts, for Prometheus. The registry is passed in; labels are bounded by the catalogue."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from picshapes_crds.phases import Reason

ENDS: Final = (
    Reason.SUCCEEDED,
    Reason.CANCELLED,
    Reason.DEADLINE_EXCEEDED,
    Reason.OUT_OF_MEMORY,
    Reason.INVALID_OUTPUT,
    Reason.STORAGE_FAILED,
    Reason.MODEL_UNAVAILABLE,
    Reason.INTERNAL_ERROR,
)
"""How a worker ends jobs."""
STAGES: Final = ("load", "inference", "encode", "upload", "write")
_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The metrics of one worker process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.jobs = Counter(
            "picshapes_worker_jobs",
            "Jobs that this worker ended, by model and by reason (Succeeded or why not).",
            ["model", "reason"],
            registry=registry,
        )
        stages = Histogram(
            "picshapes_worker_stage_seconds",
            "Seconds of each stage of a job.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.stage = {stage: stages.labels(stage) for stage in STAGES}
        """The histogram of each stage."""
        self.ready = Gauge(
            "picshapes_worker_ready", "1 while the operator may give this worker jobs.", registry=registry
        )
        self.lease_renewals = Gauge(
            "picshapes_worker_lease_renewals", "Renewals of the worker's Lease since its start.", registry=registry
        )
        self.watch_restarts = Gauge(
            "picshapes_worker_watch_restarts", "How often watches of claims began again.", registry=registry
        )
        self.device_memory_mib = Gauge(
            "picshapes_worker_device_memory_mib", "Device memory that the pod's label declares.", registry=registry
        )
        self.weights_arrived = Gauge(
            "picshapes_worker_weights_arrived_ratio",
            "Share of a model's weights that has arrived from the hub since the start.",
            ["model"],
            registry=registry,
        )
        self._preparing = Gauge(
            "picshapes_worker_model_preparing",
            "1 for the model that is being pulled, loaded or warmed up now, before the worker is ready.",
            ["model"],
            registry=registry,
        )
        self._prepared: str | None = None
        self._shown: frozenset[str] | None = None
        self._loaded = Gauge(
            "picshapes_worker_model_loaded",
            "1 for each model in device memory now.",
            ["model"],
            registry=registry,
        )

    def serves(self, models: Iterable[str]) -> None:
        """Count the jobs of these models from zero: no alert sees a figure rise that was not there before."""
        for model in models:
            for reason in ENDS:
                self.jobs.labels(model, reason.value)

    def show_prepared(self, model: str | None) -> None:
        """Say which model is being prepared; None when none is."""
        if model == self._prepared:
            return
        if self._prepared is not None:
            self._preparing.labels(self._prepared).set(0)
        if model is not None:
            self._preparing.labels(model).set(1)
        self._prepared = model

    def show_loaded(self, served: Iterable[str], loaded: frozenset[str]) -> None:
        """Say of each model served whether it is in device memory."""
        if loaded == self._shown:
            return
        self._shown = loaded
        for model in served:
            self._loaded.labels(model).set(model in loaded)

"""What the operator tells Prometheus. Labels are bounded: models, phases and outcomes, never ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob

_RUN_TIMES_S = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_WAITS_S = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800)
_PASSES_S = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1)


class Metrics:
    """The operator's counters and histograms; what can be read off the state is in `collector.py`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.writes = Counter(
            "picshapes_operator_writes",
            "Writes, by transition and outcome",
            ["verb", "outcome"],
            registry=registry,
        )
        self.requeues = Counter(
            "picshapes_requeues", "Jobs put back to Pending, by reason", ["reason"], registry=registry
        )
        for reason in (Reason.WORKER_LOST, Reason.REBALANCED):
            self.requeues.labels(reason.value)  # from 0 on: no alert sees a figure rise that was not there before
        self.events = Counter(
            "picshapes_operator_events", "Kubernetes Events, by outcome", ["outcome"], registry=registry
        )
        self.claim_latency = Histogram(
            "picshapes_claim_latency_seconds",
            "Time from a job's creation to its first claim",
            buckets=_WAITS_S,
            registry=registry,
        )
        self.run_time = Histogram(
            "picshapes_run_seconds",
            "Inference time of completed jobs, by model",
            ["model"],
            buckets=_RUN_TIMES_S,
            registry=registry,
        )
        self.loop = Histogram(
            "picshapes_operator_loop_seconds",
            "Time of one pass of the control loop",
            buckets=_PASSES_S,
            registry=registry,
        )
        self.leader = Gauge("picshapes_operator_leader", "1 while this replica holds the lease", registry=registry)
        self.watch_restarts = Gauge(
            "picshapes_operator_watch_restarts", "Restarts of the lease watch", registry=registry
        )

        self.readable = Gauge(
            "picshapes_job_namespace_readable",
            "1 while the jobs of a further namespace can be read",
            ["job_namespace"],
            registry=registry,
        )

    def ended(self, job: GenerationJob) -> None:
        """Take in a job that has ended."""
        if job.status.timings:
            self.run_time.labels(job.spec.model).observe(job.status.timings.inference_s)

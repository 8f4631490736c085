"""What the operator tells Prometheus. Labels are bounded: models, phases and outcomes, never ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The operator's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.jobs = Gauge("picshapes_jobs", "Jobs known, by phase", ["phase"], registry=registry)
        self.waiting = Gauge(
            "picshapes_queue_depth",
            "Jobs that wait, by model and memory need",
            ["model", "min_vram_mib"],
            registry=registry,
        )
        self.workers = Gauge("picshapes_workers", "Workers known, by state", ["state"], registry=registry)
        self.writes = Counter(
            "picshapes_operator_writes",
            "Writes, by transition and outcome",
            ["verb", "outcome"],
            registry=registry,
        )
        self.claim_latency = Histogram(
            "picshapes_claim_latency_seconds",
            "Time from a job's creation to its first claim",
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
            registry=registry,
        )
        self.loop = Histogram(
            "picshapes_operator_loop_seconds",
            "Time of one pass of the control loop",
            buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
            registry=registry,
        )
        self.leader = Gauge("picshapes_operator_leader", "1 while this replica holds the lease", registry=registry)

"""Shows how much of the weights has arrived: in the log, as a metric, and in what `/readyz` answers."""

import structlog

from picshapes_worker.metrics import Metrics
from picshapes_worker.pulling import Arrived
from picshapes_worker.vitals import Vitals

LOGGED_EVERY_PERCENT = 10

log = structlog.get_logger(__name__)


class Arrivals:
    """Told of each whole per cent of a model, from any thread."""

    def __init__(self, vitals: Vitals, metrics: Metrics) -> None:
        self._vitals, self._metrics = vitals, metrics

    def tell(self, arrived: Arrived) -> None:
        """Show it."""
        self._vitals.loading = f"{arrived.model} {arrived.percent} %"
        self._metrics.weights_arrived.labels(arrived.model).set(arrived.percent / 100)
        if arrived.percent % LOGGED_EVERY_PERCENT == 0:
            log.info("weights.arriving", model=arrived.model, percent=arrived.percent, bytes=arrived.all_bytes)

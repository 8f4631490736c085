"""Says what a worker still does before it is Ready: in the log, as metrics, in `/readyz`, on its Lease."""

from collections.abc import Callable
from threading import Lock
from typing import Final

import structlog

from picshapes_worker.metrics import Metrics
from picshapes_worker.pulling import Arrived
from picshapes_worker.vitals import Vitals

LOGGED_EVERY_PERCENT: Final = 10

log = structlog.get_logger(__name__)


class Preparing:
    """Told of each stage and each whole per cent, from any thread."""

    def __init__(self, vitals: Vitals, metrics: Metrics, tell: Callable[[str], None]) -> None:
        """`tell` is given what the Lease is to say."""
        self._vitals, self._metrics, self._tell = vitals, metrics, tell
        self._lock = Lock()
        """The weights arrive in several threads, and the store is tried in yet another."""

    def arrived(self, arrived: Arrived) -> None:
        """Show how much of a model's weights has arrived from the hub."""
        self._metrics.weights_arrived.labels(arrived.model).set(arrived.percent / 100)
        if arrived.percent % LOGGED_EVERY_PERCENT == 0:
            log.info("weights.arriving", model=arrived.model, percent=arrived.percent, bytes=arrived.all_bytes)
        with self._lock:
            self._metrics.show_prepared(arrived.model)
            self._vitals.loading = f"{arrived.model} pulling {arrived.percent}%"
            self._say()

    def model(self, model: str, stage: str) -> None:
        """Show that a model is now being loaded, warmed up and so on."""
        log.info("model.stage", model=model, stage=stage)
        with self._lock:
            self._metrics.show_prepared(model)
            self._vitals.loading = f"{model} {stage}"
            self._say()

    def warm(self) -> None:
        """Note that all models that are to be there at the start are, and have run once."""
        with self._lock:
            self._metrics.show_prepared(None)
            self._vitals.loading, self._vitals.warm = "", True
            self._say()

    def store_fault(self, sentence: str) -> None:
        """Show why the store can't be used."""
        with self._lock:
            self._vitals.store_fault = sentence
            self._say()

    def stored(self) -> None:
        """Note that the store can be written."""
        with self._lock:
            self._vitals.store_fault, self._vitals.stored = "", True
            self._say()

    def _say(self) -> None:
        self._tell("; ".join(said for said in (self._vitals.loading, self._vitals.store_fault) if said))

"""What the process knows of its own life: written by the event loop and the engine's thread, read by others.

The Lease's thread renews only while all is well here, and the probes answer from it. Every attribute is one
reference that is replaced whole, so threads need no lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from picshapes_crds.clock import Clock
from picshapes_crds.cluster.kube import WATCH_SILENCE_S

LOOP_BEAT_S: Final = 1.0
LOOP_STUCK_S: Final = 60.0


@dataclass(frozen=True)
class Budgets:
    """How long the engine may take before it counts as hung."""

    load_s: float
    step_s: float


class Vitals:
    """Signs of life of one worker process."""

    def __init__(self, clock: Clock, budgets: Budgets) -> None:
        self._clock = clock
        self._budgets = budgets
        self._engine_due: float | None = None
        """Monotonic time by which the engine must show progress; None while it has nothing to do."""
        self._loop_beat = clock.monotonic()
        self.watch_silent_s: Callable[[], float | None] = lambda: None
        """Seconds since the watch of claims last heard from the API server; set once there is one."""
        self.warm = False
        """The models are loaded and have run once."""
        self.loading = ""
        """What is being loaded, and how much of it has arrived."""
        self.stored = False
        """The store has taken an object."""
        self.store_fault = ""
        """Why it has not."""
        self.leased = False
        """The Lease names this process."""
        self.labelled = False
        """The pod's labels say what this process serves."""
        self.draining = False
        """No new work is taken."""

    @contextmanager
    def engine_loading(self) -> Iterator[None]:
        """Hold the engine to the load budget within this context."""
        self._engine_due = self._clock.monotonic() + self._budgets.load_s
        try:
            yield
        finally:
            self._engine_due = None

    @contextmanager
    def engine_generating(self) -> Iterator[None]:
        """Hold the engine to the step budget within this context; `engine_stepped` starts it anew."""
        self.engine_stepped()
        try:
            yield
        finally:
            self._engine_due = None

    def engine_stepped(self) -> None:
        """Note that the engine made progress; called in its thread."""
        self._engine_due = self._clock.monotonic() + self._budgets.step_s

    def loop_beat(self) -> None:
        """Note that the event loop runs."""
        self._loop_beat = self._clock.monotonic()

    def engine_well(self) -> bool:
        """Say whether the engine is idle or inside its budget."""
        due = self._engine_due
        return due is None or self._clock.monotonic() < due

    def watch_well(self) -> bool:
        """Say whether the watch of claims has heard from the API server of late."""
        silent_s = self.watch_silent_s()
        return silent_s is not None and silent_s < WATCH_SILENCE_S

    def may_renew(self) -> bool:
        """Say whether the Lease may claim that this process works."""
        unwatched = self.watch_silent_s() is None  # it still loads, and lives: there is nothing to miss yet
        return (unwatched or self.watch_well()) and self.engine_well()

    def live(self) -> bool:
        """Say whether the process can go on; if not, only a restart helps. An absent API server is no reason."""
        return self.engine_well() and self._clock.monotonic() - self._loop_beat < LOOP_STUCK_S

    def ready(self) -> bool:
        """Say whether the operator may give this worker jobs."""
        return not self.lacking()

    def lacking(self) -> str:
        """Return what keeps the worker from being ready, for people; empty when nothing does."""
        states = {
            f"models are loading{self.loading and ': '}{self.loading}": not self.warm,
            self.store_fault or "the store is not tried yet": not self.stored,
            "the pod is not labelled yet": not self.labelled,
            "the Lease is not held yet": not self.leased,
            "the watch of claims is silent": not self.watch_well(),
            "the engine is stuck": not self.engine_well(),
            "the worker drains": self.draining,
        }
        return "; ".join(state for state, holds in states.items() if holds)

"""The reins of one running job: the event loop pulls them, the engine's thread looks at them on every step."""

from picshapes_crds.clock import Clock
from picshapes_worker.assignment import Stop


class StoppedError(Exception):
    """The generation was told to stop; raised in the engine's thread from the step callback."""

    code = "STOPPED"

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.name)
        self.stop = stop


class Control:
    """Whether a job may go on, and how far it is. Attributes are replaced whole: threads need no lock."""

    def __init__(self, deadline: float, clock: Clock) -> None:
        """`deadline` is in the clock's monotonic seconds."""
        self._deadline, self._clock = deadline, clock
        self.stop: Stop | None = None
        self.steps_done = 0

    def on_step(self, done: int) -> None:
        """Note a step; raises `StoppedError` when the job must not go on."""
        self.steps_done = done
        if self.stop is None and self._clock.monotonic() >= self._deadline:
            self.stop = Stop.DEADLINE
        if self.stop is not None:
            raise StoppedError(self.stop)

"""How finding and building the control plane tells its caller what it does, and the plain way to show it."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TextIO

LOG_INTERVAL_S = 10.0


class Phase(StrEnum):
    """What is going on; each but NOTE comes with counts that grow."""

    NOTE = "note"
    WAITING = "waiting"
    DOWNLOADING = "downloading"
    COMPILING = "compiling"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """One step onward: `done` of `total` modules or packages; a total of 0 is not known yet."""

    phase: Phase
    message: str
    done: int = 0
    total: int = 0


class Progress(Protocol):
    """Told of each step, from the thread that builds."""

    def __call__(self, event: BuildProgress, /) -> None:
        """Show `event`; what it raises ends the build."""


@dataclass(slots=True)
class StreamProgress:
    """Shows progress as text: one line that rewrites itself on a terminal, now and then a line in a log."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    _phase: Phase | None = None
    _shown_at_s: float = 0.0
    _line_is_open: bool = False

    def __call__(self, event: BuildProgress, /) -> None:
        """Show the event, or leave it out when a line of its phase was shown a moment ago."""
        text = f"{event.message} ({event.done} of {event.total})" if event.total else event.message
        if self.stream.isatty():
            self._rewrite(event, text)
        elif self._is_due(event):
            self.stream.write(f"{text}\n")
        self.stream.flush()

    def _rewrite(self, event: BuildProgress, text: str) -> None:
        lasting = event.phase in {Phase.NOTE, Phase.DONE}
        if event.phase is not self._phase and self._line_is_open:
            self.stream.write("\n")
        self.stream.write(f"\r\x1b[K{text}" + ("\n" if lasting else ""))  # CSI K: clear to the line's end
        self._line_is_open = not lasting
        self._phase = event.phase

    def _is_due(self, event: BuildProgress) -> bool:
        now_s = self.clock()
        same_phase = event.phase is self._phase and event.phase not in {Phase.NOTE, Phase.DONE}
        if same_phase and now_s - self._shown_at_s < LOG_INTERVAL_S:
            return False
        self._phase, self._shown_at_s = event.phase, now_s
        return True

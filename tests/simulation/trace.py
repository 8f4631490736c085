"""What happened in a run, in order: equal for equal seeds, and what is shown of a run that failed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Noted:
    """One thing that happened."""

    at_s: float
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.at_s:9.3f} {self.who:<12} {self.what}"


class Trace:
    """All that was noted."""

    def __init__(self, time_s: Callable[[], float]) -> None:
        self._time_s = time_s
        self.noted: list[Noted] = []

    def note(self, who: str, what: str) -> None:
        """Note that something happens now."""
        self.noted.append(Noted(self._time_s(), who, what))

    def digest(self) -> str:
        """Return a hash of everything noted."""
        lines = "\n".join(f"{one.at_s!r} {one.who} {one.what}" for one in self.noted)
        return hashlib.sha256(lines.encode()).hexdigest()

    def about(self, words: list[str]) -> list[str]:
        """Return the lines in which any of the words occurs."""
        return [str(one) for one in self.noted if any(word in one.who or word in one.what for word in words)]

"""Many seeds one after another in this process; and a failing seed made as small as it will go."""

import gc
import re
import tempfile
from pathlib import Path
from typing import Final, Self

import structlog

from picshapes_crds.catalogue import Catalogue

from .faults import Fault
from .run import Outcome, be_quiet, make_template, run_seed
from .world import Plan

SHOWN: Final = 80
"""Lines of a failing run's trace that are shown."""
COLLECT_AFTER: Final = 8
"""Runs after which garbage is collected: within a run never, so that it can't matter when."""
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh folder within it


class Campaign:
    """Runs seeds; use as a context manager: its databases lie in a folder of their own."""

    def __init__(self) -> None:
        self._runs = 0
        self._catalogue = Catalogue.load("demo")
        self._folder = tempfile.TemporaryDirectory(
            prefix="picshapes-simulation-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        )

    def __enter__(self) -> Self:
        """Make what all runs start from."""
        self._logging = structlog.get_config()
        be_quiet()
        make_template(self._template)
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the folder."""
        structlog.configure(**self._logging)
        self._folder.cleanup()

    @property
    def _template(self) -> Path:
        return Path(self._folder.name) / "template.db"

    def run(
        self, seed: int, without: frozenset[Fault] = frozenset(), *, hostile: frozenset[Fault] = frozenset()
    ) -> Outcome:
        """Run one seed."""
        folder = Path(self._folder.name)
        self._runs += 1
        if self._runs % COLLECT_AFTER == 0:
            gc.collect()
        try:
            return run_seed(Plan(seed, self._template, folder, without, hostile), self._catalogue)
        finally:
            for file in folder.glob(f"{seed}.db*"):
                file.unlink()

    def smaller(self, outcome: Outcome, without: frozenset[Fault]) -> tuple[Outcome, frozenset[Fault]]:
        """Leave out every kind of fault without which the seed still fails in the same way."""
        for fault in Fault:
            if fault in without or not outcome.faults[fault]:
                continue
            tried = self.run(outcome.seed, without | {fault})
            if tried.violation and _kind(tried.violation) == _kind(outcome.violation or ""):
                outcome, without = tried, without | {fault}
        needless = frozenset(fault for fault in Fault if not outcome.faults[fault])
        return outcome, without | needless


def shown(outcome: Outcome) -> list[str]:
    """Return the part of a failing run's trace that is about what failed, and all that was done to the parts."""
    named = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}", outcome.violation or "")
    words = [
        *named,
        *re.findall(r"first|second|third|fourth|(?:worker|api|operator)-[\d.]+", outcome.violation or ""),
    ]
    lines = outcome.trace.about([*words, "chaos", "invariant", "world"]) if words else outcome.trace.about([""])
    return lines[-SHOWN:]


def _kind(violation: str) -> str:
    """Return what is violated, without who and when."""
    return re.sub(r"[0-9a-f-]{6,}|\d+|first|second|third|fourth", "…", violation)

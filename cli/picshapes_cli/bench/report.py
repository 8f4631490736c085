"""What a benchmark prints: one JSON object, or a line for people."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Machine:
    """Where a figure was measured; figures of different machines are not comparable, ratios roughly are."""

    processor: str
    cores: int
    memory_mib: int
    python: str
    system: str


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its baseline."""

    name: str
    value: float
    baseline: float
    unit: str
    machine: Machine
    goal: str
    details: dict[str, Any] = field(default_factory=dict)
    also: tuple["Figure", ...] = ()
    """Further figures of the same run, of the same form."""

    @property
    def ratio(self) -> float:
        """The value in terms of the baseline."""
        return self.value / self.baseline

    def beside(self, other: "Figure") -> Self:
        """Return this figure with another one of the same run."""
        return replace(self, also=(*self.also, other))

    def json(self) -> str:
        """Return the figure as one JSON object, further figures in its list `also`."""
        return json.dumps(self._fields())

    def text(self) -> str:
        """Return the figure for people, each one on a line."""
        return "\n".join(
            f"{one.name}: {one.value:.1f} {one.unit}, baseline {one.baseline:.1f} {one.unit}, "
            f"ratio {one.ratio:.2f} (goal {one.goal})"
            for one in (self, *self.also)
        )

    def _fields(self) -> dict[str, Any]:
        own = asdict(self) | {"ratio": round(self.ratio, 3), "also": [one._fields() for one in self.also]}
        return own if self.also else {name: value for name, value in own.items() if name != "also"}


def this_machine() -> Machine:
    """Describe the machine that the benchmark runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=memory,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

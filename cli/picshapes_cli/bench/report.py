"""What a benchmark prints: one JSON object, or a line for people."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


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

    @property
    def ratio(self) -> float:
        """The value in terms of the baseline."""
        return self.value / self.baseline

    def json(self) -> str:
        """Return the figure as one JSON object."""
        return json.dumps({**asdict(self), "ratio": round(self.ratio, 3)})

    def line(self) -> str:
        """Return the figure as one line for people."""
        return (
            f"{self.name}: {self.value:.1f} {self.unit}, baseline {self.baseline:.1f} {self.unit}, "
            f"ratio {self.ratio:.2f} (goal {self.goal})"
        )


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

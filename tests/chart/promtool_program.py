"""The promtool that the tests run."""

from pathlib import Path
from typing import Final

from .go_program import GoProgram, Pins, ensure

MODULE: Final = "github.com/prometheus/prometheus"


def ensure_promtool() -> Path:
    """Return promtool, building it when it is missing (a minute or two, with progress on stderr)."""
    folder = Path(__file__).parent / "promtool_build"
    # Rules need no service discovery, and its clients of all the clouds are most of what there is to compile.
    tags = ("remove_all_sd",)
    return ensure(GoProgram("promtool", MODULE, f"{MODULE}/cmd/promtool", folder, _settings, tags))


def _settings(pins: Pins) -> dict[str, str]:
    return {"github.com/prometheus/common/version.Version": pins.text(MODULE)}

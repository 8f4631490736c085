"""`python -m picshapes_cli.bench.table [--check]`: the table of docs/performance.md from the figures beside it.

Each file in docs/performance is what one `picshapes bench NAME --json` printed. With `--check` nothing is written,
and the exit status is 1 when the table isn't what the figures say.
"""

import json
import operator
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path("docs/performance.md")
FIGURES: Final = Path("docs/performance")
BEGIN: Final = "<!-- table: made by python -m picshapes_cli.bench.table -->"
END: Final = "<!-- end of table -->"
ORDER: Final = ("jobs", "latency", "scale", "writes", "http", "restart", "gpu")
HEAD: Final = (
    "| figure | measured | baseline | ratio | goal | held |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
)

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}


class NoTableError(Exception):
    """The page has no place for the table."""


def table(figures: list[dict[str, Any]]) -> str:
    """Return the table in Markdown, and a line for the machine of each figure's run."""
    rows = [_row(one) for figure in figures for one in (figure, *figure.get("also", []))]
    return "\n".join((*HEAD, *rows, "", *_machines(figures)))


def holds(ratio: float, goal: str) -> bool:
    """Say whether a ratio meets a goal such as `>= 0.6`."""
    comparison, bound = goal.split()
    return _COMPARE[comparison](ratio, float(bound))


def replaced(page: str, made: str) -> str:
    """Return the page with another table; raises `NoTableError`."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoTableError(f"the page must have a line {BEGIN} and a line {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def read_figures(folder: Path) -> list[dict[str, Any]]:
    """Read all saved figures, in the order of the table."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda figure: ORDER.index(figure["name"]))


def _row(figure: dict[str, Any]) -> str:
    unit, goal = figure["unit"], figure["goal"]
    held = "yes" if holds(figure["ratio"], goal) else "**no**"
    value, baseline = (_shown(figure[name]) for name in ("value", "baseline"))
    return f"| {figure['name']} | {value} {unit} | {baseline} | {figure['ratio']:.2f} | {goal} | {held} |"


def _shown(value: float) -> str:
    """Show three digits, and all of a whole number."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004 - three digits


def _machines(figures: list[dict[str, Any]]) -> Iterator[str]:
    for machine in dict.fromkeys(json.dumps(figure["machine"]) for figure in figures):
        one = json.loads(machine)
        yield (
            f"Machine: {one['processor']}, {one['cores']} cores, {one['memory_mib'] // 1024} GiB, "
            f"Python {one['python']}, {one['system']}."
        )


def main(arguments: list[str]) -> int:
    """Write the table, or check it."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = replaced(page, table(read_figures(FIGURES)))
    if "--check" in arguments:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

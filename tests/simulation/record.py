"""`python -m tests.simulation.record PART.json …`: add up what `picshapes simulate --json` wrote, for the page.

A long campaign is run in parts (`--first`), each with a file of its own. The sum goes to
`docs/reliability/campaign.json`, and from there into the table of `docs/reliability.md`.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs"
SUM: Final = FOLDER / "reliability" / "campaign.json"
PAGE: Final = FOLDER / "reliability.md"
BEGIN: Final = "<!-- campaign: made by python -m tests.simulation.record -->\n"
END: Final = "<!-- end -->\n"
ADDED: Final = ("seeds", "wall_s", "simulated_hours", "steps", "events", "jobs")


def added(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of several parts; of a failure only its seed and what was violated are kept."""
    total: dict[str, Any] = dict.fromkeys(ADDED, 0)
    faults, transitions, failures, fewest = Counter[str](), Counter[str](), [], []
    for part in parts:
        for name in ADDED:
            total[name] += part[name]
        faults.update(part["faults"])
        transitions.update(part["transitions"])
        fewest.append(part["fewest_steps_of_a_seed"])
        failures += [{"seed": one["seed"], "violation": one["violation"]} for one in part["failures"]]
    return {name: round(value, 2) for name, value in total.items()} | {
        "fewest_steps_of_a_seed": min(fewest),
        "faults": dict(sorted(faults.items())),
        "transitions": dict(sorted(transitions.items())),
        "failures": failures,
    }


def shown(total: dict[str, Any]) -> str:
    """Return the sum as Markdown."""
    least = total["fewest_steps_of_a_seed"]
    size = f"**{total['seeds']:,} seeds** of at least {least:,} steps, {total['steps']:,} in all"
    life = f"{total['simulated_hours']:,.0f} simulated hours and {total['jobs']:,} jobs"
    cost = f"{total['wall_s'] / 3600:.1f} hours of two shared processor cores"
    figures = [f"{size}; {life}; {cost}; {len(total['failures'])} violations.", ""]
    figures += ["| fault | times | | transition | times |", "| --- | ---: | --- | --- | ---: |"]
    faults, moves = list(total["faults"].items()), list(total["transitions"].items())
    for row in range(max(len(faults), len(moves))):
        fault = f"{faults[row][0].replace('_', ' ')} | {faults[row][1]:,}" if row < len(faults) else "| "
        move = f"{moves[row][0].replace('->', '→')} | {moves[row][1]:,}" if row < len(moves) else "| "
        figures.append(f"| {fault} | | {move} |")
    return "\n".join(figures) + "\n"


def main(paths: list[str]) -> None:
    """Read the parts, or the sum if there are none; write the sum and the page."""
    if paths:
        parts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
        SUM.write_text(json.dumps(added(parts), indent=2) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    total = json.loads(SUM.read_text(encoding="utf-8"))
    PAGE.write_text(before + BEGIN + "\n" + shown(total) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

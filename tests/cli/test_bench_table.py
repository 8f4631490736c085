"""The table of docs/performance.md says what the saved figures say."""

from pathlib import Path
from typing import Any

import pytest

from picshapes_cli.bench import table as tables

MACHINE = {"processor": "P", "cores": 2, "memory_mib": 24105, "python": "3.11.7", "system": "Linux 6"}
ROOT = Path(__file__).parents[2]


def figure(name: str, value: float, baseline: float, goal: str, **more: Any) -> dict[str, Any]:
    measured = {"value": value, "baseline": baseline, "unit": "jobs/s", "ratio": value / baseline}
    return {"name": name, "goal": goal, "machine": MACHINE, **measured, **more}


def test_each_figure_has_a_row_with_whether_its_goal_is_held() -> None:
    figures = [figure("jobs", 126.4, 200, ">= 0.6", also=[figure("more", 0.4321, 1, ">= 0.6")])]
    assert tables.table(figures).splitlines() == [
        "| figure | measured | baseline | ratio | goal | held |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        "| jobs | 126 jobs/s | 200 | 0.63 | >= 0.6 | yes |",
        "| more | 0.432 jobs/s | 1 | 0.43 | >= 0.6 | **no** |",
        "",
        "Machine: P, 2 cores, 23 GiB, Python 3.11.7, Linux 6.",
    ]


@pytest.mark.parametrize(
    ("ratio", "goal", "held"), [(0.6, ">= 0.6", True), (1.31, "<= 1.3", False), (0, "== 0", True)]
)
def test_a_goal_is_a_comparison_with_a_bound(ratio: float, goal: str, held: bool) -> None:  # noqa: FBT001 - a case
    assert tables.holds(ratio, goal) is held


def test_only_the_table_of_the_page_changes() -> None:
    page = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
    assert tables.replaced(page, "new") == f"before\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nafter\n"


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(tables.NoTableError, match="must have a line"):
        tables.replaced("before\nafter\n", "new")


def test_the_page_in_the_tree_has_the_table_of_the_figures_in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert tables.main(["--check"]) == 0

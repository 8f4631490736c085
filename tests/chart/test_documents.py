"""What docs/platform.md shows is what the chart takes and makes."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from picshapes_api.main import LEASE as API_LEASE
from picshapes_operator.main import LEASE as OPERATOR_LEASE

from .rendering import Chart, Object

PAGE: Final = (Path(__file__).parents[2] / "docs" / "platform.md").read_text()


def examples() -> dict[str, Object]:
    """Return the page's files of values, by their first key."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    return {next(iter(block)): block for block in blocks}


@pytest.mark.parametrize(("first", "deployments"), [("api", 3), ("catalogue", 5), ("jobNamespaces", 4)])
def test_the_pages_values_are_taken(chart: Chart, first: str, deployments: int) -> None:
    assert len(chart.render(examples()[first]).of_kind("Deployment")) == deployments


def test_the_page_tells_of_every_alert_and_how_bad_it_is(chart: Chart) -> None:
    (rules,) = chart.render("everything").of_kind("PrometheusRule")
    alerts = {
        rule["alert"]: rule["labels"]["severity"] for group in rules["spec"]["groups"] for rule in group["rules"]
    }
    assert dict(re.findall(r"^\| `(PicShapes\w+)` \| (\w+) \|", PAGE, re.MULTILINE)) == alerts


def test_the_page_says_what_is_kept(chart: Chart) -> None:
    kept = {
        one["metadata"]["name"]
        for one in chart.render().objects
        if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    kept |= {OPERATOR_LEASE, API_LEASE}  # made by the parts themselves, and owned by nothing
    uninstall = PAGE.rpartition("## Uninstall")[2]
    assert {name for name in kept if name in uninstall} == kept

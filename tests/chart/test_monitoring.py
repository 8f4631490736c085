"""Alerts and the dashboard ask for figures that the parts have, of this release's namespace."""

import json
import re
from pathlib import Path
from typing import Final

import yaml

from .rendering import Chart

ROOT: Final = Path(__file__).parents[2]
SUFFIXES: Final = re.compile(r"_(total|bucket|sum|count)$")
METRIC: Final = re.compile(r"\bpicshapes_[a-z_]+")


def known() -> set[str]:
    """Return the names of all figures, as the parts' source has them."""
    sources = [
        path.read_text()
        for part in ("api", "operator", "worker")
        for path in (ROOT / part).glob("picshapes_*/**/*.py")
    ]
    return {name for text in sources for name in re.findall(r'"(picshapes_[a-z_]+)"', text)}


def alerts(chart: Chart) -> dict[str, str]:
    rules = chart.render("everything").of_kind("PrometheusRule")[0]["spec"]["groups"][0]["rules"]
    return {rule["alert"]: " ".join(rule["expr"].split()) for rule in rules}


def test_every_alert_asks_for_figures_that_there_are_in_the_releases_namespace(chart: Chart) -> None:
    assert set(alerts(chart)) == {
        "PicShapesNoOperator",
        "PicShapesNoWorkers",
        "PicShapesJobsWait",
        "PicShapesNamespaceUnreadable",
        "PicShapesWorkersLost",
        "PicShapesJobsFail",
        "PicShapesApiBlind",
        "PicShapesStoreFails",
    }
    for name, expression in alerts(chart).items():
        asked = METRIC.findall(expression)
        assert asked, name
        assert {SUFFIXES.sub("", metric) for metric in asked} <= known(), name
        selectors = re.findall(r"\{(.*?)\}", expression)
        assert len(selectors) == len(asked), name
        assert all(selector.startswith('namespace="ps"') for selector in selectors), name


def test_an_alert_reads_as_prometheus_has_it(chart: Chart) -> None:
    assert alerts(chart)["PicShapesJobsWait"] == (
        'max by (model, memory_class_mib) (picshapes_queue_oldest_age_seconds{namespace="ps"}) > 600'
    )
    assert alerts(chart)["PicShapesNoOperator"] == 'absent(picshapes_operator_leader{namespace="ps"} == 1)'


def test_the_dashboard_asks_for_figures_that_there_are(chart: Chart) -> None:
    board = chart.render("everything").find("ConfigMap", "dashboard")
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    panels = json.loads(board["data"]["picshapes.json"])["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) == 10
    for expression in expressions:
        asked = {SUFFIXES.sub("", metric) for metric in METRIC.findall(expression)}
        assert asked
        assert asked <= known(), expression
        assert 'namespace="$namespace"' in expression


def test_prometheus_finds_what_to_scrape_by_the_labels_given(chart: Chart) -> None:
    release = chart.render("everything")
    for kind, name in (("ServiceMonitor", "api"), ("PodMonitor", "operator"), ("PodMonitor", "worker")):
        monitor = release.find(kind, name)
        assert monitor["metadata"]["labels"]["release"] == "prometheus"
        endpoints = monitor["spec"].get("endpoints", monitor["spec"].get("podMetricsEndpoints"))
        assert [(one["path"], one["interval"]) for one in endpoints] == [("/metrics", "30s")]
    service = release.find("Service", "api")
    assert release.find("ServiceMonitor", "api")["spec"]["selector"]["matchLabels"].items() <= (
        service["metadata"]["labels"].items()
    )


def test_every_value_is_read_by_a_template(chart: Chart) -> None:
    templates = "".join(path.read_text() for path in (chart.folder / "templates").rglob("*") if path.is_file())
    values = yaml.safe_load((chart.folder / "values.yaml").read_text())
    names: set[str] = set()

    def collect(section: dict[str, object]) -> None:
        for name, value in section.items():
            if isinstance(value, dict) and value:
                collect(value)
            names.add(name)

    collect({key: value for key, value in values.items() if key != "global"})
    inside = {"requests", "limits", "cpu", "memory", "grafana_dashboard"}  # passed on as a whole
    images = {"workerCuda", "control", "store", "worker"}  # looked up by name
    unread = {name for name in names - inside - images if not re.search(rf"\.{name}\b", templates)}
    assert unread <= {"key"}

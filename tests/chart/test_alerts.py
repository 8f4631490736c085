"""Each alert, as promtool runs it on the rules that the chart renders: it tells when it should, and only then.

`alerts/` holds promtool's own files: what Prometheus has scraped, and what it would say of it at which time.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from .promtool_program import ensure_promtool
from .rendering import Chart, Object

LIMIT_S: Final = 120.0
FOLDER: Final = Path(__file__).parent / "alerts"
ALERTS: Final = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@dataclass(frozen=True)
class Promtool:
    """promtool, and a folder for the rules and their tests."""

    program: Path
    folder: Path

    def run(self, alert: str, rules: Object) -> subprocess.CompletedProcess[str]:
        """Run an alert's tests on these rules."""
        (self.folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        tests = self.folder / f"{alert}.yaml"
        tests.write_text((FOLDER / tests.name).read_text())
        argv: list[str | Path] = [self.program, "test", "rules", tests]
        return subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="session")
def promtool_program() -> Path:
    return ensure_promtool()


@pytest.fixture
def promtool(promtool_program: Path, tmp_path: Path) -> Promtool:
    return Promtool(promtool_program, tmp_path)


def rules_of(chart: Chart, change: dict[str, dict[str, Any]] | None = None) -> Object:
    """Return the rendered rules as a file of Prometheus', with changes of single alerts."""
    (rendered,) = chart.render("everything").of_kind("PrometheusRule")
    groups = [
        group | {"rules": [rule | (change or {}).get(rule["alert"], {}) for rule in group["rules"]]}
        for group in rendered["spec"]["groups"]
    ]
    return {"groups": groups}


def test_every_alert_has_its_tests_and_both_fires_and_stays_silent_in_them(chart: Chart) -> None:
    rules = [rule for group in rules_of(chart)["groups"] for rule in group["rules"]]
    assert sorted(rule["alert"] for rule in rules) == ALERTS
    for alert in ALERTS:
        tests = yaml.safe_load((FOLDER / f"{alert}.yaml").read_text())["tests"]
        cases = [case for test in tests for case in test["alert_rule_test"]]
        assert {case["alertname"] for case in cases} == {alert}
        assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_should_and_only_then(chart: Chart, promtool: Promtool, alert: str) -> None:
    done = promtool.run(alert, rules_of(chart))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
@pytest.mark.parametrize(
    "fault",
    [{"expr": "vector(0) > 1"}, {"expr": "vector(1)", "for": "0s"}, {"for": "1h"}, {"labels": {}}],
    ids=["never", "always", "too late", "no severity"],
)
def test_a_wrong_rule_is_found_out(chart: Chart, promtool: Promtool, alert: str, fault: dict[str, Any]) -> None:
    done = promtool.run(alert, rules_of(chart, {alert: fault}))
    assert done.returncode == 1
    assert f"alertname: {alert}" in done.stdout + done.stderr

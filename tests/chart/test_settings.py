"""The variables that the chart sets are settings that the parts know, with values that they take."""

from typing import Any

import pytest
from pydantic_settings import BaseSettings

from picshapes_api.settings import Settings as ApiSettings
from picshapes_crds.settings import ClusterSettings
from picshapes_operator.settings import Settings as OperatorSettings
from picshapes_worker.settings import Settings as WorkerSettings

from .rendering import VARIANTS, Chart

PARTS: dict[str, type[ClusterSettings]] = {
    "api": ApiSettings,
    "operator": OperatorSettings,
    "worker": WorkerSettings,
}
FROM_THE_CLUSTER = {
    "DATABASE_URL": "postgres://user:password@postgres/picshapes",
    "REDIS_URL": "redis://redis",
    "PICSHAPES_NAMESPACE": "ps",
    "PICSHAPES_POD_NAME": "worker-a",
}
"""What the chart takes from Secrets and from the pod itself."""


def known(settings: type[BaseSettings]) -> set[str]:
    return {f"PICSHAPES_{name.upper()}" for name in settings.model_fields}


def read(part: str, env: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> ClusterSettings:
    """Return the settings of a part in whose container these variables are."""
    with monkeypatch.context() as environment:
        for variable, value in env.items():
            text = value if isinstance(value, str) else FROM_THE_CLUSTER.get(variable, "secret")
            environment.setenv(variable, text)
        return PARTS[part]()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variable_is_a_setting_that_the_part_takes(
    chart: Chart, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    release = chart.render(variant)
    names = [one["metadata"]["name"].removeprefix("picshapes-") for one in release.of_kind("Deployment")]
    taken = []
    for name in names:
        part = name.partition("-")[0]
        if part not in PARTS:
            continue
        env = release.env(name)
        assert {one for one in env if one.startswith("PICSHAPES_")} <= known(PARTS[part])
        read(part, env, monkeypatch)
        taken.append(part)
    assert {"api", "operator"} <= set(taken)


@pytest.mark.parametrize(
    ("listed", "neighbours"),
    [
        (["team-a", "team-b"], ("team-a", "team-b")),
        (["team-a", "ps", "team-b", "team-a"], ("team-a", "team-b")),
        ([], ()),
        (None, ()),
    ],
)
def test_all_parts_know_the_namespaces_whose_jobs_they_look_after(
    chart: Chart, monkeypatch: pytest.MonkeyPatch, listed: list[str] | None, neighbours: tuple[str, ...]
) -> None:
    release = chart.render({"jobNamespaces": listed})
    deployments = {"api": "api", "operator": "operator", "worker": "worker-demo"}
    told = {part: read(part, release.env(name), monkeypatch) for part, name in deployments.items()}
    assert {part: (one.namespace, one.neighbours) for part, one in told.items()} == dict.fromkeys(
        PARTS, ("ps", neighbours)
    )

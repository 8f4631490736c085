"""The namespaces of an installation, from its environment."""

import pytest

from picshapes_crds.settings import ClusterSettings


@pytest.mark.parametrize(
    ("given", "neighbours"),
    [("", ()), ("team-a", ("team-a",)), (" team-b, team-a,,team-b,own ", ("team-b", "team-a"))],
)
def test_neighbours_are_each_named_once_and_the_own_namespace_is_none(
    monkeypatch: pytest.MonkeyPatch, given: str, neighbours: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PICSHAPES_NAMESPACE", "own")
    monkeypatch.setenv("PICSHAPES_JOB_NAMESPACES", given)
    assert ClusterSettings().neighbours == neighbours

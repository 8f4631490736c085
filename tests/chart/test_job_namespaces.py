"""`jobNamespaces`: what the parts may do there, as roles and bindings."""

import pytest

from .rendering import Chart, Object, Release

TWO = {"jobNamespaces": ["team-a", "team-b"]}
REPEATED = {"jobNamespaces": ["team-a", "ps", "team-b", "team-a"]}
"""The same, with one of them twice and the release's own."""

Rules = dict[tuple[str, str], list[str]]


def rules(release: Release, namespace: str, name: str) -> Rules:
    """Return the verbs of a Role, by group and resource."""
    (role,) = [
        one
        for one in release.of_kind("Role")
        if (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, name)
    ]
    return {
        (group, resource): rule["verbs"]
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.mark.parametrize("namespace", ["ps", "team-a", "team-b"])
def test_each_part_may_do_with_jobs_the_same_in_all_their_namespaces(chart: Chart, namespace: str) -> None:
    release = chart.render(TWO)
    assert rules(release, namespace, "picshapes:jobs:api") == {
        ("picshapes.io", "generationjobs"): ["get", "list", "watch"]
    }
    assert rules(release, namespace, "picshapes:jobs:operator") == {
        ("picshapes.io", "generationjobs"): ["get", "list", "watch", "delete"],
        ("picshapes.io", "generationjobs/status"): ["patch", "write-any"],
        ("events.k8s.io", "events"): ["create"],
    }
    assert rules(release, namespace, "picshapes:jobs:worker") == {
        ("picshapes.io", "generationjobs"): ["get", "list", "watch"],
        ("picshapes.io", "generationjobs/status"): ["patch"],
    }


def test_every_other_right_is_one_in_the_releases_namespace(chart: Chart) -> None:
    roles = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in chart.render(TWO).of_kind("Role")}
    jobs = {
        (namespace, f"picshapes:jobs:{part}")
        for namespace in ("ps", "team-a", "team-b")
        for part in ("api", "operator", "worker")
    }
    assert roles - jobs == {("ps", f"picshapes-{part}") for part in ("api", "operator", "worker", "store")}


def test_every_role_is_bound_in_its_namespace_to_an_account_of_the_releases(chart: Chart) -> None:
    release = chart.render(TWO, "drawing", "ps")
    accounts = {one["metadata"]["name"] for one in release.of_kind("ServiceAccount")}
    roles = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in release.of_kind("Role")}
    bound = set()
    for binding in release.of_kind("RoleBinding"):
        (subject,) = binding["subjects"]
        part = binding["roleRef"]["name"].rpartition(":")[2].removeprefix("drawing-picshapes-")
        assert subject == {
            "kind": "ServiceAccount",
            "name": f"drawing-picshapes-{part}",
            "namespace": "ps",
        }
        assert subject["name"] in accounts
        bound.add((binding["metadata"]["namespace"], binding["roleRef"]["name"]))
    assert bound == roles


def roles_and_bindings(release: Release) -> list[Object]:
    return release.of_kind("Role") + release.of_kind("RoleBinding")


def test_a_namespace_that_is_named_twice_or_is_the_releases_own_gets_its_roles_once(chart: Chart) -> None:
    assert roles_and_bindings(chart.render(REPEATED)) == roles_and_bindings(chart.render(TWO))


@pytest.mark.parametrize("none", [[], None])
def test_with_none_all_roles_are_in_the_releases_namespace(chart: Chart, none: list[str] | None) -> None:
    found = roles_and_bindings(chart.render({"jobNamespaces": none}))
    assert {one["metadata"]["namespace"] for one in found} == {"ps"}

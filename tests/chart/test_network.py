"""Network policies: nothing but what is said."""

from typing import Any

from .rendering import Chart, Release


def reached(release: Release, name: str) -> list[tuple[Any, list[int]]]:
    """Return where pods may connect to, as (first peer, ports)."""
    policy = release.find("NetworkPolicy", name)["spec"]
    return [(rule["to"][0], sorted({one["port"] for one in rule["ports"]})) for rule in policy["egress"]]


DNS = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}


def anywhere() -> dict[str, Any]:
    return {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}


def pods(component: str) -> dict[str, Any]:
    labels = {"name": "picshapes", "instance": "picshapes", "component": component}
    return {"podSelector": {"matchLabels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()}}}


def test_every_pod_of_the_release_is_closed_unless_a_policy_opens_it(chart: Chart) -> None:
    spec = chart.render().find("NetworkPolicy", "default-deny")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert "egress" not in spec
    assert spec["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "picshapes",
        "app.kubernetes.io/instance": "picshapes",
    }


def test_workers_reach_names_the_api_server_and_the_store_and_nothing_else(chart: Chart) -> None:
    assert reached(chart.render(), "worker") == [
        (DNS, [53]),
        (anywhere(), [443, 6443, 8443, 16443]),
        (pods("store"), [7070]),
    ]


def test_only_pools_that_pull_weights_reach_the_hub(chart: Chart) -> None:
    release = chart.render("gpus")
    names = {one["metadata"]["name"] for one in release.of_kind("NetworkPolicy")}
    assert {name for name in names if name.endswith("-hub")} == {"picshapes-worker-big-hub"}
    assert reached(release, "worker-big-hub") == [(anywhere(), [443])]


def test_given_networks_narrow_every_way_out(chart: Chart) -> None:
    release = chart.render("external")
    assert reached(release, "api") == [
        (DNS, [53]),
        ({"ipBlock": {"cidr": "10.96.0.1/32"}}, [443, 6443, 8443, 16443]),
        ({"ipBlock": {"cidr": "10.1.0.0/16"}}, [9000]),
        ({"ipBlock": {"cidr": "10.2.0.0/16"}}, [5432, 6379]),
    ]
    assert reached(release, "operator") == [
        (DNS, [53]),
        ({"ipBlock": {"cidr": "10.96.0.1/32"}}, [443, 6443, 8443, 16443]),
    ]


def test_only_the_named_namespaces_and_the_test_reach_the_api(chart: Chart) -> None:
    (rule,) = chart.render("external").find("NetworkPolicy", "api")["spec"]["ingress"]
    selector, test = rule["from"]
    assert selector["namespaceSelector"]["matchExpressions"][0]["values"] == ["ingress", "apps"]
    assert test == pods("test")


def test_only_the_api_and_the_workers_reach_the_store(chart: Chart) -> None:
    (rule,) = chart.render().find("NetworkPolicy", "store")["spec"]["ingress"]
    (peer,) = rule["from"]
    assert peer["podSelector"]["matchExpressions"] == [
        {"key": "app.kubernetes.io/component", "operator": "In", "values": ["api", "worker"]}
    ]


def test_figures_are_read_from_one_namespace_if_it_is_named(chart: Chart) -> None:
    (rule,) = chart.render("everything").find("NetworkPolicy", "worker")["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert rule["ports"] == [{"port": 8081, "protocol": "TCP"}]

import importlib.resources

import pytest

from picshapes_cli.controlplane.versions import Tool, Version, objection, parse_version, read_pins

KUBERNETES = Version(1, 37, 2)


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Kubernetes v1.37.2\n", Version(1, 37, 2)),
        ("etcd Version: 3.7.0\nGit SHA: Not provided\nGo Version: go1.26.8\n", Version(3, 7, 0)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n", Version(1, 32, 4)),
        ("go version go1.26.8 linux/amd64\n", Version(1, 26, 8)),
        ("go version go1.27rc1 linux/amd64\n", Version(1, 27, 0)),
        ("Kubernetes v0.0.0-master+$Format:%H$\n", Version(0, 0, 0)),
        ("unknown flag: --version\n", None),
        ("", None),
    ],
)
def test_a_version_is_read_from_what_a_program_says(answer: str, version: Version | None) -> None:
    assert parse_version(answer) == version


@pytest.mark.parametrize(
    ("tool", "version", "why_not"),
    [
        (Tool.KUBE_APISERVER, Version(1, 37, 2), None),
        (Tool.KUBE_APISERVER, Version(1, 37, 0), None),
        (Tool.KUBE_APISERVER, Version(1, 36, 9), "1.37 is needed"),
        (Tool.KUBE_APISERVER, Version(1, 38, 0), "1.37 is needed"),
        (Tool.KUBE_APISERVER, Version(0, 0, 0), "Kubernetes 1 is needed"),
        (Tool.ETCD, Version(3, 6, 0), None),
        (Tool.ETCD, Version(4, 0, 0), None),
        (Tool.ETCD, Version(3, 5, 21), "etcd v3.6.0 or newer is needed"),
        (Tool.KUBECTL, Version(1, 36, 0), None),
        (Tool.KUBECTL, Version(1, 38, 1), None),
        (Tool.KUBECTL, Version(1, 32, 4), "kubectl within one release of 1.37 is needed"),
    ],
)
def test_a_program_of_the_wrong_version_is_refused_with_the_reason(
    tool: Tool, version: Version, why_not: str | None
) -> None:
    assert objection(tool, version, KUBERNETES) == why_not


def test_the_packaged_go_mod_pins_kubernetes_and_go() -> None:
    go_mod = importlib.resources.files("picshapes_cli.controlplane") / "build" / "go.mod"
    pins = read_pins(go_mod.read_text())

    assert str(pins.kubernetes) == "v1.37.2"
    assert str(pins.go) == "v1.26.0"


def test_a_go_mod_without_pins_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"go\.mod names no k8s.io/kubernetes"):
        read_pins("module example.com/nothing\n\ngo 1.26.0\n")

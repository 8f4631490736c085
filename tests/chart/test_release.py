"""helm on a real API server, with nothing that runs: what an upgrade leaves alone, and what outlives a release."""

import base64
import uuid
from collections.abc import Iterator

import pytest
from tests.integration.kubectl import Kubectl

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .rendering import Chart

KEPT = {"persistentvolumeclaim/picshapes-api", "persistentvolumeclaim/picshapes-store", "secret/picshapes-admin"}
NAMESPACED = (
    "all,persistentvolumeclaims,secrets,configmaps,roles,rolebindings,networkpolicies,poddisruptionbudgets"
)
WHOLE = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"


@pytest.fixture
def kubectl(
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - this release brings no definition
    binaries: Binaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kubectl]:
    folder, namespace = tmp_path_factory.mktemp("release"), f"release-{uuid.uuid4().hex[:12]}"
    token = control_plane.token("picshapes-admin")
    config = control_plane.write_kubeconfig(folder / "config", token=token, namespace=namespace)
    assert binaries.kubectl is not None
    kubectl = Kubectl(binaries.kubectl, config, folder / "cache")
    kubectl("create", "namespace", namespace)
    yield kubectl
    kubectl("delete", "namespace", namespace, "--wait=false")


def helm(chart: Chart, kubectl: Kubectl, *words: str) -> None:
    done = chart.run(*words, "--kubeconfig", str(kubectl.kubeconfig))
    assert done.returncode == 0, done.stderr


def named(text: str) -> set[str]:
    """Return what `kubectl get -o name` printed, without the groups of the kinds."""
    lines = (line.partition("/") for line in text.splitlines())
    return {f"{kind.partition('.')[0]}/{name}" for kind, _, name in lines}


def test_an_upgrade_leaves_the_first_administrators_key_and_uninstalling_leaves_what_cant_be_made_again(
    chart: Chart, kubectl: Kubectl
) -> None:
    selector = ("-l", "app.kubernetes.io/instance=picshapes", "-o", "name")
    before = named(kubectl("get", WHOLE, "-o", "name"))
    helm(chart, kubectl, "install", "picshapes", str(chart.folder), "--set", "crds.enabled=false")
    key = base64.b64encode(b"uk_a-key-that-the-api-has-drawn").decode()
    kubectl("patch", "secret", "picshapes-admin", "-p", f'{{"data": {{"api-key": "{key}"}}}}')

    upgrade = ("--set", "crds.enabled=false,operator.replicas=2,api.logLevel=DEBUG")
    helm(chart, kubectl, "upgrade", "picshapes", str(chart.folder), *upgrade)
    assert kubectl.read("secret", "picshapes-admin")["data"] == {"api-key": key}
    assert kubectl.read("deployment", "picshapes-operator")["spec"]["replicas"] == 2
    helm(chart, kubectl, "rollback", "picshapes", "1")
    assert kubectl.read("secret", "picshapes-admin")["data"] == {"api-key": key}
    assert kubectl.read("deployment", "picshapes-operator")["spec"]["replicas"] == 1

    helm(chart, kubectl, "uninstall", "picshapes")
    assert named(kubectl("get", NAMESPACED, *selector)) == KEPT
    assert named(kubectl("get", WHOLE, "-o", "name")) - before == set()
    helm(chart, kubectl, "install", "picshapes", str(chart.folder), "--set", "crds.enabled=false")
    assert kubectl.read("secret", "picshapes-admin")["data"] == {"api-key": key}
    helm(chart, kubectl, "uninstall", "picshapes")

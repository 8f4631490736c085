"""helm on a real API server, with nothing that runs: what an upgrade leaves alone, and what outlives a release."""

import base64
import uuid
from collections.abc import Callable, Iterator

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
def in_a_namespace(
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - these releases bring no definition
    binaries: Binaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[], Kubectl]]:
    """Makes a namespace, and kubectl that works in it."""
    made: dict[str, Kubectl] = {}

    def make() -> Kubectl:
        folder, namespace = tmp_path_factory.mktemp("release"), f"release-{uuid.uuid4().hex[:12]}"
        token = control_plane.token("picshapes-admin")
        config = control_plane.write_kubeconfig(folder / "config", token=token, namespace=namespace)
        assert binaries.kubectl is not None
        made[namespace] = Kubectl(binaries.kubectl, config, folder / "cache")
        made[namespace]("create", "namespace", namespace)
        return made[namespace]

    yield make
    for namespace, kubectl in made.items():
        kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def kubectl(in_a_namespace: Callable[[], Kubectl]) -> Kubectl:
    return in_a_namespace()


def helm(chart: Chart, kubectl: Kubectl, *words: str) -> None:
    done = chart.run(*words, "--kubeconfig", str(kubectl.kubeconfig))
    assert done.returncode == 0, done.stderr


def named(text: str) -> set[str]:
    """Return what `kubectl get -o name` printed, without the groups of the kinds."""
    lines = (line.partition("/") for line in text.splitlines())
    return {f"{kind.partition('.')[0]}/{name}" for kind, _, name in lines}


def belonging(kubectl: Kubectl) -> tuple[set[str], set[str]]:
    """Return what there is of a release: in its namespace, and of the whole cluster."""
    selector = ("-l", "app.kubernetes.io/instance=picshapes", "-o", "name")
    return named(kubectl("get", NAMESPACED, *selector)), named(kubectl("get", WHOLE, *selector))


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


def test_two_releases_of_one_name_live_side_by_side_and_the_end_of_one_leaves_the_other_whole(
    chart: Chart, in_a_namespace: Callable[[], Kubectl]
) -> None:
    first, second = in_a_namespace(), in_a_namespace()
    words = ("install", "picshapes", str(chart.folder), "--set", "crds.enabled=false")
    helm(chart, first, *words)
    own, whole = belonging(first)
    helm(chart, second, *words)
    assert belonging(second)[0] == own
    assert belonging(second)[1] > whole
    both = belonging(second)[1]
    helm(chart, first, "uninstall", "picshapes")
    assert belonging(second) == (own, both - whole)
    assert belonging(first)[0] == KEPT
    helm(chart, second, "uninstall", "picshapes")
    assert belonging(second) == (KEPT, set())


def test_a_release_takes_over_the_definition_that_another_brought_and_its_end_keeps_it(
    chart: Chart, kubectl: Kubectl
) -> None:
    words = (str(chart.folder), "--set", "crds.enabled=true")
    refused = chart.run("install", "picshapes", *words, "--kubeconfig", str(kubectl.kubeconfig))
    assert refused.returncode != 0
    assert 'CustomResourceDefinition "generationjobs.picshapes.io"' in refused.stderr
    assert "cannot be imported into the current release" in refused.stderr

    helm(chart, kubectl, "install", "picshapes", *words, "--take-ownership")
    owner = kubectl.read("crd", "generationjobs.picshapes.io")["metadata"]["annotations"]
    namespace = kubectl.read("secret", "picshapes-admin")["metadata"]["namespace"]
    assert owner["meta.helm.sh/release-namespace"] == namespace
    helm(chart, kubectl, "uninstall", "picshapes")
    shared = "crd,validatingadmissionpolicies,validatingadmissionpolicybindings"
    policies = {f"{name}.picshapes.io" for name in ("owner", "labels", "holder")}
    kinds = ("validatingadmissionpolicy", "validatingadmissionpolicybinding")
    assert named(kubectl("get", shared, "-o", "name")) >= {
        "customresourcedefinition/generationjobs.picshapes.io",
        *(f"{kind}/{name}" for kind in kinds for name in policies),
    }

"""helm on a real API server, with nothing that runs: what an upgrade leaves alone, and what outlives a release."""

import base64
import json
import re
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
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


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


def namespace_of(kubectl: Kubectl) -> str:
    """Return the namespace that it works in."""
    return kubectl("config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.namespace}")


def looking_after(*namespaces: str) -> tuple[str, ...]:
    return ("--set", "crds.enabled=false", "--set-json", f"jobNamespaces={json.dumps(namespaces)}")


def job_roles(kubectl: Kubectl) -> dict[str, str]:
    """Return whom each Role for jobs in the namespace is bound to: namespace and name of the account."""
    found = kubectl.read("rolebindings")["items"]
    bound = {one["roleRef"]["name"]: one["subjects"][0] for one in found if ":jobs:" in one["roleRef"]["name"]}
    roles = {one["metadata"]["name"] for one in kubectl.read("roles")["items"]}
    return {role: f"{one['namespace']}/{one['name']}" for role, one in bound.items() if role in roles}


def job_roles_of(namespace: str) -> dict[str, str]:
    """Return what `job_roles` finds where the release in this namespace looks after jobs."""
    return {f"picshapes:jobs:{part}": f"{namespace}/picshapes-{part}" for part in ("api", "operator", "worker")}


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


@pytest.mark.parametrize("whose", ["on the list of both", "the other's own"])
def test_two_releases_cant_look_after_one_namespace(
    chart: Chart, in_a_namespace: Callable[[], Kubectl], whose: str
) -> None:
    first, second, team = in_a_namespace(), in_a_namespace(), in_a_namespace()
    helm(chart, first, "install", "picshapes", str(chart.folder), *looking_after(namespace_of(team)))
    taken = team if whose == "on the list of both" else first
    installing = ("install", "picshapes", str(chart.folder), "--kubeconfig", str(second.kubeconfig))
    refused = chart.run(*installing, *looking_after(namespace_of(taken)))
    assert refused.returncode != 0
    said = f'Role "picshapes:jobs:api" in namespace "{namespace_of(taken)}" exists and cannot be imported'
    assert said in refused.stderr
    assert f'current value is "{namespace_of(first)}"' in refused.stderr

    helm(chart, second, "install", "picshapes", str(chart.folder), *looking_after())
    upgrading = ("upgrade", "picshapes", str(chart.folder), "--kubeconfig", str(second.kubeconfig))
    assert said in chart.run(*upgrading, *looking_after(namespace_of(taken))).stderr
    assert job_roles(taken) == job_roles_of(namespace_of(first))
    for release in (first, second):
        helm(chart, release, "uninstall", "picshapes")


def test_a_second_release_in_a_namespace_is_refused_whatever_its_name(chart: Chart, kubectl: Kubectl) -> None:
    helm(chart, kubectl, "install", "picshapes", str(chart.folder), *looking_after())
    installing = ("install", "other", str(chart.folder), "--kubeconfig", str(kubectl.kubeconfig))
    refused = chart.run(*installing, *looking_after())
    assert f'Role "picshapes:jobs:api" in namespace "{namespace_of(kubectl)}" exists' in refused.stderr
    helm(chart, kubectl, "uninstall", "picshapes")


def test_an_upgrade_gives_and_takes_the_roles_in_a_namespace_and_the_end_of_a_release_leaves_none_there(
    chart: Chart, in_a_namespace: Callable[[], Kubectl]
) -> None:
    release, team, other = in_a_namespace(), in_a_namespace(), in_a_namespace()
    ours = job_roles_of(namespace_of(release))
    listed = [(team,), (team, other), (other,)]
    seen = []
    for verb, looked_after in zip(("install", "upgrade", "upgrade"), listed, strict=True):
        names = [namespace_of(one) for one in looked_after]
        helm(chart, release, verb, "picshapes", str(chart.folder), *looking_after(*names))
        seen.append([job_roles(one) for one in (release, team, other)])
    assert seen == [[ours, ours, {}], [ours, ours, ours], [ours, {}, ours]]
    helm(chart, release, "uninstall", "picshapes")
    assert [job_roles(one) for one in (release, team, other)] == [{}, {}, {}]


def test_the_notes_name_the_namespaces_and_one_that_is_not_there_is_named_in_the_refusal(
    chart: Chart, in_a_namespace: Callable[[], Kubectl]
) -> None:
    release, team = in_a_namespace(), in_a_namespace()
    words = ("install", "picshapes", str(chart.folder), "--kubeconfig", str(release.kubeconfig))
    refused = chart.run(*words, *looking_after("not-there"))
    assert 'namespaces "not-there" not found' in refused.stderr
    helm(chart, release, "uninstall", "picshapes")
    said = chart.run(*words, *looking_after(namespace_of(team)))
    assert f"It looks after GenerationJobs there and in {namespace_of(team)}." in said.stdout
    helm(chart, release, "uninstall", "picshapes")


def delete_namespace(kubectl: Kubectl) -> None:
    """Delete the namespace as the controller manager does, which doesn't run here."""
    name = namespace_of(kubectl)
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("delete", "role,rolebinding", "--all")
    empty = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
    kubectl("replace", "--raw", f"/api/v1/namespaces/{name}/finalize", "-f", "-", stdin=json.dumps(empty))


def test_a_namespace_that_was_deleted_must_leave_the_list_or_be_made_again_before_the_next_upgrade(
    chart: Chart, in_a_namespace: Callable[[], Kubectl]
) -> None:
    release, team, other = in_a_namespace(), in_a_namespace(), in_a_namespace()
    ours, names = job_roles_of(namespace_of(release)), [namespace_of(team), namespace_of(other)]
    helm(chart, release, "install", "picshapes", str(chart.folder), *looking_after(*names))
    for one in (team, other):
        delete_namespace(one)
    upgrading = ("upgrade", "picshapes", str(chart.folder), "--kubeconfig", str(release.kubeconfig))
    assert re.search(r'namespaces "release-\w+" not found', chart.run(*upgrading, *looking_after(*names)).stderr)
    team("create", "namespace", names[0])
    helm(chart, release, "upgrade", "picshapes", str(chart.folder), *looking_after(names[0]))
    assert [job_roles(release), job_roles(team)] == [ours, ours]
    delete_namespace(team)
    helm(chart, release, "uninstall", "picshapes", "--wait", "--timeout", "60s")

"""The rendered manifests on a real API server: valid to the last field, and pods are let in as restricted."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml
from tests.integration.kubectl import Kubectl

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .foreign_definitions import foreign_definitions
from .rendering import VARIANTS, Chart

FOREIGN: Final = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
"""Kinds that are defined by others."""
APPLY: Final = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
RESTRICTED: Final = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def kubectl(control_plane: ControlPlane, binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    assert binaries.kubectl is not None
    return Kubectl(binaries.kubectl, control_plane.admin_kubeconfig, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def foreign_kinds(kubectl: Kubectl) -> Iterator[None]:
    """The API server knows the resources of others that the chart makes objects of."""
    files = [word for path in foreign_definitions() for word in ("-f", str(path))]
    names = kubectl("apply", "--server-side", "-o", "name", *files).splitlines()
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
    yield
    kubectl("delete", *names)


@pytest.fixture(scope="module")
def restricted(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that lets in only pods of the restricted profile."""
    name = f"chart-{uuid.uuid4().hex[:12]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, RESTRICTED)
    handler = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}}
    kubectl("apply", "-f", "-", stdin=json.dumps(handler | {"handler": "nvidia"}))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.usefixtures("foreign_kinds")
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_takes_every_object_and_knows_every_field(
    chart: Chart, kubectl: Kubectl, restricted: str, tmp_path: Path, variant: str
) -> None:
    objects = chart.render(variant, namespace=restricted).objects
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(yaml.safe_dump_all(objects))
    answer = kubectl(*APPLY, "-n", restricted, "-f", str(manifest))
    assert len(answer.splitlines()) == len(objects)


@pytest.mark.usefixtures("foreign_kinds")
def test_a_field_that_others_do_not_define_is_refused_in_every_kind_of_theirs(
    chart: Chart, kubectl: Kubectl, restricted: str
) -> None:
    objects = [one for variant in VARIANTS for one in chart.render(variant).objects]
    foreign = {one["kind"]: one for one in objects if one["kind"] in FOREIGN}
    assert set(foreign) == FOREIGN
    for one in foreign.values():
        wrong = {**one, "spec": {**one["spec"], "unheardOf": True}}
        refusal = kubectl.refused(*APPLY, "-n", restricted, "-f", "-", stdin=json.dumps(wrong))
        assert ".spec.unheardOf: field not declared in schema" in refusal


@pytest.mark.parametrize("variant", ["default", "external", "gpus"])
def test_every_pod_is_let_into_a_namespace_of_the_restricted_profile(
    chart: Chart, kubectl: Kubectl, restricted: str, variant: str
) -> None:
    for one in chart.render(variant).objects:
        if one["kind"] == "Deployment":
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": one["metadata"]["name"]},
                "spec": one["spec"]["template"]["spec"],
            }
            kubectl("create", "--dry-run=server", "-n", restricted, "-f", "-", stdin=json.dumps(pod))


def test_a_pod_that_is_not_restricted_is_refused(kubectl: Kubectl, restricted: str) -> None:
    refusal = kubectl.refused("run", "bad", "--image=bad", "-n", restricted, "--dry-run=server")
    assert 'violates PodSecurity "restricted' in refusal


def test_the_job_that_fills_a_volume_with_weights_is_let_in_as_the_page_shows_it(
    kubectl: Kubectl, restricted: str
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "platform.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (job,) = [block for block in blocks if block.get("kind") == "Job"]
    job["metadata"]["namespace"] = restricted
    said = kubectl.call(*APPLY, "-n", restricted, "-f", "-", stdin=json.dumps(job))
    assert (said.returncode, said.stderr) == (0, "")

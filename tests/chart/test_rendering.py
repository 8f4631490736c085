"""What all renderings have in common: they lint, repeat to the byte, and hold to the rules of GitOps."""

import re

import pytest

from .rendering import VALUES, VARIANTS, Chart

POD_KINDS = {"Deployment", "Pod"}


def test_helm_lint_finds_nothing(chart: Chart) -> None:
    files = [[], *(["--values", str(VALUES / f"{name}.yaml")] for name in VARIANTS[1:])]
    for words in files:
        done = chart.run("lint", "--strict", chart.folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_renderings_are_equal_to_the_byte(chart: Chart, variant: str) -> None:
    again = Chart(chart.helm, chart.folder, chart.home)
    assert again.text(variant) == chart.text(variant)


def test_no_template_looks_into_the_cluster_or_draws_at_random_and_the_only_hook_is_the_test(chart: Chart) -> None:
    texts = {path: path.read_text() for path in (chart.folder / "templates").rglob("*") if path.is_file()}
    calls = re.compile(r"\b(lookup|rand\w+|genCA|genSignedCert|genSelfSignedCert|genPrivateKey|uuidv4|now)\b")
    code = re.compile(r"{{.*?}}", re.DOTALL)
    comment = re.compile(r"{{-? */\*.*?\*/ *-?}}", re.DOTALL)
    found = {
        (path.name, call)
        for path, text in texts.items()
        for expression in code.findall(comment.sub("", text))
        for call in calls.findall(expression)
    }
    assert found == set()
    assert [path.name for path, text in texts.items() if "helm.sh/hook:" in text] == ["picture.yaml"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_container_is_bounded_and_cant_write_to_its_image(chart: Chart, variant: str) -> None:
    pods = [one for one in chart.render(variant).objects if one["kind"] in POD_KINDS]
    specs = [one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"] for one in pods]
    containers = [one for spec in specs for one in (*spec.get("initContainers", []), *spec["containers"])]
    assert len(containers) >= 4
    for container in containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["memory"]
        assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_says_which_release_it_belongs_to(chart: Chart, variant: str) -> None:
    shared = {"CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    for one in chart.render(variant).objects:
        if one["kind"] not in shared:
            assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "picshapes"
            assert one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


def test_what_cant_be_made_again_is_kept_when_the_release_goes(chart: Chart) -> None:
    kept = {
        (one["kind"], one["metadata"]["name"])
        for one in chart.render().objects
        if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {
        ("PersistentVolumeClaim", "picshapes-api"),
        ("PersistentVolumeClaim", "picshapes-store"),
        ("Secret", "picshapes-admin"),
        ("CustomResourceDefinition", "generationjobs.picshapes.io"),
        ("ValidatingAdmissionPolicy", "owner.picshapes.io"),
        ("ValidatingAdmissionPolicy", "labels.picshapes.io"),
        ("ValidatingAdmissionPolicy", "holder.picshapes.io"),
        ("ValidatingAdmissionPolicy", "priority.picshapes.io"),
        ("ValidatingAdmissionPolicyBinding", "owner.picshapes.io"),
        ("ValidatingAdmissionPolicyBinding", "labels.picshapes.io"),
        ("ValidatingAdmissionPolicyBinding", "holder.picshapes.io"),
        ("ValidatingAdmissionPolicyBinding", "priority.picshapes.io"),
    }


def test_two_releases_share_nothing_of_the_whole_cluster(chart: Chart) -> None:
    whole = {
        "ClusterRole",
        "ClusterRoleBinding",
        "PriorityClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    first = chart.render({"priorityClasses.worker.create": True}, "picshapes", "one")
    second = chart.render({"priorityClasses.worker.create": True, "crds.enabled": False}, "picshapes", "two")
    names = [
        {(one["kind"], one["metadata"]["name"]) for one in release.objects if one["kind"] in whole}
        for release in (first, second)
    ]
    assert len(names[1]) == 9
    assert not names[0] & names[1]
    assert not second.of_kind("CustomResourceDefinition")

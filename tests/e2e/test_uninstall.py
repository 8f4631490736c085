"""Uninstalling leaves what the notes say and nothing else, and the next release goes on with it."""

from pathlib import Path

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.release import admin_key, api, installed

pytestmark = pytest.mark.timeout(1800)

KEPT = {
    "customresourcedefinition.apiextensions.k8s.io/generationjobs.picshapes.io",
    "persistentvolumeclaim/picshapes-api",
    "persistentvolumeclaim/picshapes-store",
    "secret/picshapes-admin",
    *(
        f"validatingadmissionpolicy{binding}.admissionregistration.k8s.io/{name}.picshapes.io"
        for binding in ("", "binding")
        for name in ("owner", "labels", "holder")
    ),
}
PASSING = ("events", "endpointslices", "leases", "pods", "replicasets", "persistentvolumes", "bindings")


def objects(cluster: Cluster) -> set[str]:
    """Return every object of the namespace and of the cluster that lasts, as kind/name."""
    found: set[str] = set()
    for namespaced in ("true", "false"):
        kinds = cluster.kubectl(
            "api-resources", f"--namespaced={namespaced}", "--verbs=list,delete", "-o", "name", "--no-headers"
        ).split()
        lasting = ",".join(kind for kind in kinds if not kind.startswith(PASSING))
        found |= set(cluster.kubectl("get", lasting, "-o", "name", "--ignore-not-found").splitlines())
    return found


def test_a_release_leaves_what_the_notes_say_and_the_next_one_goes_on_with_users_pictures_and_jobs(
    cluster: Cluster, tmp_path: Path
) -> None:
    size = {"model": "flux-schnell", "width": 512, "height": 512}
    options: list[str | Path] = ["-f", values_file(tmp_path, {"workerPools": null_pool(1)})]
    before = objects(cluster)
    with installed(cluster, *options):
        key = admin_key(cluster)
        with api(cluster) as service:
            user = service.new_user("kept@example.org", 10)
            drawn = service.submit(user, prompt="a blue square", **size)["id"]
            picture = service.picture(service.ended(user, drawn))
            in_flight = [service.submit(user, prompt="a green cross", **size)["id"] for _ in range(5)]
    left = objects(cluster)
    jobs = {name for name in left if name.startswith("generationjob.")}
    assert left - before - jobs <= KEPT, left - before - jobs - KEPT
    assert left >= KEPT, KEPT - left
    phases = [
        one["status"]["phase"] for one in cluster.read("generationjobs", "-l", "picshapes.io/origin=api")["items"]
    ]
    assert "Pending" in phases, phases
    with installed(cluster, *options), api(cluster) as service:
        assert admin_key(cluster) == key
        assert service.picture(service.ended(user, drawn)) == picture
        assert [service.ended(user, job_id)["status"] for job_id in in_flight] == ["completed"] * 5

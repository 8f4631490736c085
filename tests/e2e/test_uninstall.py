"""Uninstalling leaves in the cluster what the notes say, and nothing else."""

from pathlib import Path

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.release import installed

pytestmark = pytest.mark.timeout(1800)

KEPT = {
    "customresourcedefinitions.apiextensions.k8s.io/generationjobs.picshapes.io",
    "persistentvolumeclaims/picshapes-api",
    "persistentvolumeclaims/picshapes-store",
    "secrets/picshapes-admin",
    *(
        f"validatingadmissionpolic{kind}.admissionregistration.k8s.io/{name}.picshapes.io"
        for kind in ("ies", "ybindings")
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
        for kind in kinds:
            if not kind.startswith(PASSING):
                names = cluster.kubectl("get", kind, "-o", "name", "--ignore-not-found").splitlines()
                found |= {f"{kind}/{name.split('/', 1)[1]}" for name in names}
    return found


def test_uninstalling_leaves_the_claims_the_admins_secret_and_the_definition(
    cluster: Cluster, tmp_path: Path
) -> None:
    before = objects(cluster)
    with installed(cluster, "-f", values_file(tmp_path, {"workerPools": null_pool(1)})):
        pass
    left = objects(cluster) - before
    assert left <= KEPT, left - KEPT

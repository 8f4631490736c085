"""A kind cluster with the project's images in it, and the chart installed by helm.

pytest-kind makes the cluster, with Docker and its own options: `--kind-bin`, `--kind-image`, `--keep-cluster`, ….
Where the images lie in archives already (`docker save`'s form, a file for each image), `PICSHAPES_E2E_ARCHIVES`
names their folder; otherwise Docker builds them.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_kind import KindCluster
from pytest_kind import cluster as kind_settings
from tests.chart.helm_program import ensure_helm
from tests.e2e.cluster import Cluster
from tests.e2e.surroundings import SERVICES

from picshapes_cli.controlplane.binaries import Binaries

kind_settings.KIND_VERSION = "v0.33.0"  # the plugin's own is older than the chart's oldest Kubernetes

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "picshapes"
IMAGES: Final = ("control", "worker", "store")
SERVICES_ARCHIVE: Final = "picshapes-test-services"
DOCKER_LIMIT_S: Final = 20
BUILD_LIMIT_S: Final = 3600
LEFT_OUT: Final = pytest.StashKey[int]()


def docker_answers() -> bool:
    """Tell whether there is a Docker that serves this user."""
    program = shutil.which("docker")
    if program is None:
        return False
    try:
        asked = subprocess.run([program, "version"], capture_output=True, timeout=DOCKER_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out where no Docker answers; the summary says so."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    if not ours or config.option.collectonly or docker_answers():
        return
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]
    config.stash[LEFT_OUT] = len(ours)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and why."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"LEFT OUT: {left_out} tests of tests/e2e, which need Docker; none answers here."
        )


@pytest.fixture(scope="session")
def images(kind_cluster: KindCluster) -> None:
    """Put the project's images on the cluster's node, and the one that runs beside it into Docker."""
    if archives := os.environ.get("PICSHAPES_E2E_ARCHIVES"):
        for archive in sorted(Path(archives).glob("*.tar")):
            words: list[str | Path] = [
                kind_cluster.kind_path,
                "load",
                "image-archive",
                "--name",
                kind_cluster.name,
                archive,
            ]
            subprocess.run(words, check=True, timeout=BUILD_LIMIT_S)
        beside: list[str | Path] = [
            "docker",
            "load",
            "--quiet",
            "--input",
            Path(archives) / f"{SERVICES_ARCHIVE}.tar",
        ]
        subprocess.run(beside, check=True, timeout=BUILD_LIMIT_S)
        return
    subprocess.run(["make", "images"], cwd=ROOT, check=True, timeout=BUILD_LIMIT_S)
    services: list[str | Path] = ["docker", "build", "-t", SERVICES, ROOT / "tests" / "e2e" / "services"]
    subprocess.run(services, check=True, timeout=BUILD_LIMIT_S)
    for image in (*(f"localhost/picshapes-{name}:dev" for name in IMAGES), SERVICES):
        kind_cluster.load_docker_image(image)


@pytest.fixture(scope="session")
def cluster(
    kind_cluster: KindCluster,
    images: None,  # noqa: ARG001 - they must be there
    binaries: Binaries,
) -> Iterator[Cluster]:
    """The cluster, in a namespace where only restricted pods may run."""
    assert binaries.kubectl is not None
    kubeconfig = kind_cluster.kubeconfig_path.absolute()
    here = Cluster(binaries.kubectl, ensure_helm(), kubeconfig, NAMESPACE)
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    here.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")  # of a cluster that was kept
    here.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})
    yield here
    here.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def values_file(folder: Path, values: dict[str, object]) -> Path:
    """Write values for helm; JSON is YAML."""
    file = folder / "values.json"
    file.write_text(json.dumps(values))
    return file


def null_pool(replicas: int, step_s: float = 0.5, **values: Any) -> list[dict[str, Any]]:
    """Return a pool, `demo` if not otherwise, of workers that draw nothing and take `step_s` for each step."""
    small = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
    step = {"name": "PICSHAPES_NULL_STEP_S", "value": str(step_s)}
    pool = {"name": "demo", "engine": "null", "replicas": replicas, "resources": small, "env": [step]}
    return [pool | values]

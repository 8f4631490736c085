"""Pods come and go while jobs run: every job ends. The null engine stands in for the drawing; 2 s a job."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.cluster import CHART, Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.jobs import await_end, job
from tests.e2e.release import RELEASE, installed

pytestmark = pytest.mark.timeout(1800)

WORKERS = f"deployment/{RELEASE}-worker-demo"


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values with two workers that draw nothing."""
    return values_file(tmp_path_factory.mktemp("values"), {"workerPools": null_pool(2)})


@pytest.fixture(scope="module")
def release(cluster: Cluster, values: Path) -> Iterator[Cluster]:
    """The chart with these workers."""
    with installed(cluster, "-f", values) as here:
        yield here


def fate(status: dict[str, Any]) -> tuple[str, int, int]:
    """Return how a job ended, and how often begun work and workers were lost; `attempt` counts more (ADR 5)."""
    return status["phase"], status.get("failures", 0), status.get("workersLost", 0)


def test_fifty_jobs_end_and_none_is_begun_twice_while_the_workers_are_restarted(release: Cluster) -> None:
    names = [f"rollout-{number:02}" for number in range(50)]
    release.create(*(job(name) for name in names))
    await_end(release, names[0])
    release.kubectl("rollout", "restart", WORKERS)
    release.kubectl("rollout", "status", WORKERS, "--timeout=10m")
    ends = await_end(release, *names)
    assert Counter(map(fate, ends)) == {("Completed", 0, 0): 50}


def test_jobs_end_while_pods_are_deleted_at_random(release: Cluster) -> None:
    names = [f"random-{number:03}" for number in range(60)]
    release.create(*(job(name) for name in names))
    chance = random.Random(20)
    for name in names[::12]:
        pods = release.read("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
        victims = sorted(
            pod["metadata"]["name"]
            for pod in pods
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] in {"worker", "operator", "api"}
        )
        how = chance.choice([["--wait=false"], ["--grace-period=0", "--force"]])
        release.kubectl("delete", "pod", chance.choice(victims), "--ignore-not-found", *how)
        await_end(release, name)
    assert Counter(end["phase"] for end in await_end(release, *names)) == {"Completed": 60}


def test_an_upgrade_and_its_rollback_leave_jobs_in_flight_to_end(release: Cluster, values: Path) -> None:
    names = [f"upgrade-{number:02}" for number in range(30)]
    release.create(*(job(name) for name in names))
    await_end(release, names[0])
    louder = ["--set", "operator.logLevel=DEBUG", "--set", "api.logLevel=DEBUG", "--set", "worker.logLevel=DEBUG"]
    release.helm("upgrade", RELEASE, CHART, "-f", values, *louder, "--wait", "--timeout", "10m")
    release.helm("rollback", RELEASE, "--wait", "--timeout", "10m")
    ends = await_end(release, *names)
    assert Counter(map(fate, ends)) == {("Completed", 0, 0): 30}

"""Pods come and go while jobs run: every job ends, once. The null engine draws; 0.5 s a step."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.history import recorded
from tests.e2e.jobs import await_end, job
from tests.e2e.release import RELEASE, installed

from picshapes_crds.names import WORKER_SELECTOR

pytestmark = pytest.mark.timeout(1800)

WORKERS = f"deployment/{RELEASE}-worker-demo"
DELETED = {"worker", "operator", "api"}


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The chart with two workers that draw nothing."""
    values = values_file(tmp_path_factory.mktemp("values"), {"workerPools": null_pool(2)})
    with installed(cluster, "-f", values) as here:
        yield here


def test_fifty_jobs_are_each_begun_once_and_end_while_the_workers_are_restarted(
    release: Cluster, tmp_path: Path
) -> None:
    """An announced loss costs no begun work. Claims that wait are handed back and count as attempts (ADR 5)."""
    names = [f"rollout-{number:02}" for number in range(50)]
    with recorded(release, tmp_path) as history:
        release.create(*(job(name) for name in names))
        await_end(release, names[0])
        release.kubectl("rollout", "restart", WORKERS)
        release.kubectl("rollout", "status", WORKERS, "--timeout=10m")
        await_end(release, *names)
        courses = history.of(*names)
    assert Counter(course.fate for course in courses) == {("Completed", 1, 1, 0, 0): 50}


def test_workers_deleted_as_they_start_are_gone_long_before_they_would_be_killed(release: Cluster) -> None:
    """The kernel drops a SIGTERM for a container's first process for as long as that has no handler for it."""
    victims = set()
    for _ in range(8):
        pods = release.read("pods", "-l", WORKER_SELECTOR)["items"]
        victims |= {pod["metadata"]["name"] for pod in pods}
        release.kubectl("delete", "pod", "-l", WORKER_SELECTOR, "--wait=false")
        time.sleep(0.5)  # some are now deleted just when their containers have begun
    release.kubectl("delete", "pod", *victims, "--ignore-not-found", "--timeout=60s")
    release.kubectl("rollout", "status", WORKERS, "--timeout=5m")


def test_two_hundred_jobs_end_once_while_pods_are_deleted_at_random(release: Cluster, tmp_path: Path) -> None:
    names = [f"random-{number:03}" for number in range(200)]
    chance = random.Random(24)
    deleted: Counter[tuple[str, bool]] = Counter()
    with recorded(release, tmp_path) as history:
        release.create(*(job(name, steps=1) for name in names))
        for name in names[::20]:
            pods = release.read("pods", "-l", f"app.kubernetes.io/component in ({','.join(sorted(DELETED))})")[
                "items"
            ]
            parts = {
                pod["metadata"]["name"]: pod["metadata"]["labels"]["app.kubernetes.io/component"]
                for pod in pods
                if "deletionTimestamp" not in pod["metadata"]
            }
            victim, killed = chance.choice(sorted(parts)), chance.choice([True, False])
            how = ["--grace-period=0", "--force"] if killed else ["--wait=false"]
            release.kubectl("delete", "pod", victim, "--ignore-not-found", *how)
            deleted[parts[victim], killed] += 1
            await_end(release, name)
        await_end(release, *names)
        courses = history.of(*names)
    assert {part for part, _ in deleted} == DELETED, deleted
    assert deleted["worker", True], deleted
    assert Counter((course.statuses[-1]["phase"], course.ends) for course in courses) == {("Completed", 1): 200}
    assert [course.fate for course in courses if course.begun != course.failures + 1] == []
    assert sum(course.failures for course in courses) <= deleted["worker", True]
    lost = sum(course.workers_lost for course in courses)
    assert lost <= deleted["worker", True] + deleted["worker", False]

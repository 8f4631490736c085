"""Parts that are killed or stand still in the middle of a job: each job still ends exactly once."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_crds.patches import Fence, progress

from .kubectl import Kubectl, job_file
from .stack import Ended, Launcher, Stack, until

SLOW = {"PICSHAPES_NULL_STEP_S": "0.25"}
"""A job of the REST API takes 2 s, one of 40 steps 10 s."""


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Iterator[Stack]:
    """Everything, with two slow workers; a test may kill any part, `up` starts it again."""
    assert binaries.kubectl is not None
    launcher = Launcher(tmp_path_factory.mktemp("shaken"), binaries.kubectl)
    with launcher.up("--engine", "null", "--workers", "2", settings=SLOW) as started:
        yield started


@pytest.fixture
def kubectl(shaken: Stack) -> Kubectl:
    return shaken.kubectl


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def settled(shaken: Stack) -> None:
    """Wait until every part is ready again, as the next test expects."""
    for part in ("operator", "api", "worker-0", "worker-1"):
        shaken.until_ready_again(part)
    shaken.kubectl("wait", "--for=condition=Ready", "pod/worker-0", "pod/worker-1", "--timeout=90s")


def summary(job: dict[str, dict[str, object]]) -> tuple[object, object, object]:
    status = job["status"]
    return status["phase"], status["attempt"], status.get("failures", 0)


def test_a_job_of_a_killed_worker_ends_on_its_second_attempt_and_the_first_writes_no_more(
    shaken: Stack, kubectl: Kubectl, name: str
) -> None:
    kubectl.apply(name, steps=40)
    first = kubectl.processing(name)
    shaken.kill(first["status"]["workerName"])
    kubectl.wait_for(name, "jsonpath={.status.attempt}=2")
    second = kubectl.processing(name)
    assert second["status"]["workerID"] != first["status"]["workerID"]

    uid = first["metadata"]["uid"]
    stale = json.dumps(progress(Fence(uid, first["status"]["workerID"], 1), 39, 40))
    kubectl.refused("patch", "gj", name, "--subresource=status", "--type=json", "-p", stale)
    assert kubectl.read("gj", name)["status"]["progress"] != "39/40"

    job = kubectl.finished(name)
    assert summary(job) == ("Completed", 2, 1)
    assert job["status"]["result"]["key"] == f"{uid}/2.png"
    assert shaken.pictures(uid) == ["2.png"]
    settled(shaken)


def test_an_earlier_process_of_the_same_pod_that_wakes_up_changes_nothing(
    shaken: Stack, kubectl: Kubectl, name: str
) -> None:
    kubectl.apply(name, steps=40)
    job = kubectl.processing(name)
    sleeper = shaken.part(job["status"]["workerName"])
    ended = Ended([sleeper])
    sleeper.suspend()
    with (shaken.folder / "logs" / "twin.log").open("wb") as log:
        environment = sleeper.environ() | {"PICSHAPES_PROBE_PORT": "0"}
        argv = [sys.executable, "-m", "picshapes_worker"]
        twin = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        kubectl.wait_for(name, "jsonpath={.status.attempt}=2")
        finished = kubectl.finished(name)
        assert summary(finished) == ("Completed", 2, 1)

        sleeper.resume()
        assert ended.wait() == []  # another holds its Lease
        assert kubectl.read("gj", name) == finished
        assert shaken.pictures(job["metadata"]["uid"]) == ["2.png"]
    finally:
        twin.send_signal(signal.SIGTERM)
        twin.wait(90)
    settled(shaken)


def test_jobs_outlive_a_killed_operator_and_keep_their_attempts(shaken: Stack, kubectl: Kubectl) -> None:
    names = [f"many-{number}" for number in range(6)]
    files = [job_file(name, steps=60 if name == names[0] else 12) for name in names]  # the first lasts long
    kubectl("apply", "-f", "-", stdin="\n---\n".join(files))
    kubectl.processing(names[0])
    shaken.kill("operator")

    jobs = [kubectl.finished(name) for name in names]
    assert [summary(job) for job in jobs] == [("Completed", 1, 0)] * 6
    assert [shaken.pictures(job["metadata"]["uid"]) for job in jobs] == [["1.png"]] * 6
    settled(shaken)


def test_a_job_outlives_a_killed_api_and_is_paid_once(shaken: Stack, kubectl: Kubectl) -> None:
    with shaken.api() as api:
        before = api.get("/api/v1/users/me/credits").json()["credits"]
    job_id = shaken.submit()["id"]
    kubectl.wait_for(job_id, "create")
    kubectl.wait_for(job_id, "jsonpath={.status.attempt}=1")
    shaken.kill("api")

    assert summary(kubectl.finished(job_id)) == ("Completed", 1, 0)
    job = shaken.until_job(job_id, "completed", "failed")
    assert job["status"] == "completed"
    with shaken.api() as api:
        assert api.get(job["result_url"]).status_code == 200
        assert api.get("/api/v1/users/me/credits").json()["credits"] == before - 1
    settled(shaken)


def test_with_the_operator_down_a_running_job_is_deleted_at_once_and_new_ones_wait_for_its_return(
    shaken: Stack, kubectl: Kubectl, name: str
) -> None:
    kubectl.apply(name, steps=100)
    worker = kubectl.processing(name)["status"]["workerName"]
    uid = kubectl.read("gj", name)["metadata"]["uid"]
    operator = shaken.part("operator")
    operator.suspend()
    try:
        kubectl("delete", "gj", name, "--timeout=20s")
        assert "NotFound" in kubectl.refused("get", "gj", name)
        said = shaken.folder / "logs" / f"{worker}.log"
        until(lambda: f"job={name} part=worker why=LOST" in said.read_text(), "the engine has stopped")
        assert shaken.pictures(uid) == []

        kubectl.apply(f"{name}-later")
        submitted = shaken.submit()["id"]
        kubectl.wait_for(submitted, "create")
        kubectl.wait_for(submitted, "jsonpath={.status.phase}=Pending")
        assert kubectl.read("gj", f"{name}-later")["status"] == {"phase": "Pending", "attempt": 0}
    finally:
        os.kill(operator.pid, signal.SIGKILL)

    assert summary(kubectl.finished(f"{name}-later")) == ("Completed", 1, 0)
    assert summary(kubectl.finished(submitted)) == ("Completed", 1, 0)
    settled(shaken)

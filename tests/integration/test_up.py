"""`picshapes up` from its start to its end: what it tells, what it keeps, what it leaves."""

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .kubectl import Kubectl
from .stack import PICSHAPES, Ended, Launcher, Stack, await_ready, end, until

NULL = ("--engine", "null")


def test_the_ready_file_says_how_to_get_in_and_is_private(stack: Stack) -> None:
    ready = stack.ready

    assert list(ready) == ["api_url", "kubeconfig", "namespace", "api_key", "admin_key"]
    assert ready["api_url"].startswith("http://127.0.0.1:")
    assert ready["kubeconfig"] == str(stack.folder / "kubeconfigs/admin.kubeconfig")
    assert ready["namespace"] == "picshapes"
    assert ready["api_key"].startswith("uk_")
    assert ready["admin_key"].startswith("uk_")
    for secret in (stack.ready_file, stack.folder / "ready.json", Path(ready["kubeconfig"])):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.folder.stat().st_mode) == 0o700


def test_the_two_keys_are_a_users_and_an_admins(stack: Stack) -> None:
    roles = {}
    for key in ("api_key", "admin_key"):
        with stack.api(key) as api:
            roles[key] = api.get("/api/v1/users/me").json()["role"]

    assert roles == {"api_key": "user", "admin_key": "admin"}


def test_every_part_says_that_it_is_ready(stack: Stack, kubectl: Kubectl) -> None:
    with stack.api() as api:
        answers = [api.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")]

    assert answers == [200, 200, 200]
    pods = kubectl.read("pods", "-l", "app.kubernetes.io/component=worker")["items"]
    assert [pod["metadata"]["name"] for pod in pods] == ["worker-0", "worker-1"]
    assert {pod["metadata"]["labels"]["picshapes.io/vram-mib"] for pod in pods} == {"800"}


def once(folder: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `picshapes` to its end."""
    argv: list[str | Path] = [PICSHAPES, *arguments]
    env = os.environ | environment
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_generate_says_in_one_sentence_what_the_api_refused(stack: Stack, tmp_path: Path) -> None:
    access = {"PICSHAPES_URL": stack.ready["api_url"], "PICSHAPES_API_KEY": stack.ready["api_key"]}
    done = once(tmp_path, "generate", "a green heart", "--width", "4096", **access)

    assert (done.returncode, done.stderr) == (1, "picshapes: Width exceeds tier maximum\n")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_answered_with_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = once(tmp_path, "up", "--dir", tmp_path / "dir", "--port", str(port))

    assert done.returncode == 1
    assert done.stderr == (
        f"picshapes: port {port} can't be used (Address already in use): choose another with --port, "
        "or any with --port 0\n"
    )


def test_a_folder_in_use_is_answered_with_one_sentence_and_left_alone(stack: Stack, tmp_path: Path) -> None:
    done = once(tmp_path, "up", "--dir", stack.folder, "--port", "0", *NULL)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"picshapes: Another control plane runs in {stack.folder / 'control-plane'}. "
        "Stop it, or use another folder."
    )
    job = stack.submit()
    assert stack.until_job(job["id"], "completed", "failed")["status"] == "completed"


def test_a_second_start_finds_its_users_and_jobs_and_nothing_lies_outside(
    launcher: Launcher, binaries: Binaries
) -> None:
    outside = launcher.scratch / "outside"
    outside.mkdir()
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(outside))
    programs = {"KUBEBUILDER_ASSETS": str(binaries.etcd.parent), "PICSHAPES_NULL_STEP_S": "0.05"}
    before = {path.name for path in launcher.scratch.iterdir()}

    with launcher.up(*NULL, settings=places | programs) as first:
        keys = first.ready
        job = first.until_job(first.submit(prompt="a blue star", seed=42)["id"], "completed", "failed")
        with first.api() as api:
            picture = api.get(job["result_url"]).content
        first.kubectl.apply("running", steps=100)
        running = first.kubectl.processing("running")
        ended = Ended(first.children())
        assert first.stop(signal.SIGTERM) == 0
        assert ended.wait(1) == []
        assert not first.ready_file.exists()
        assert not (first.folder / "ready.json").exists()
        assert first.output.read_text().splitlines()[-1] == "PicShapes has stopped."
    assert list(outside.iterdir()) == []
    assert {path.name for path in launcher.scratch.iterdir()} - before == {"dir", "up.log", "kubectl-cache"}

    with launcher.up(*NULL, settings=places | programs) as second:
        assert (second.ready["api_key"], second.ready["admin_key"]) == (keys["api_key"], keys["admin_key"])
        again = second.until_job(job["id"], "completed")
        assert {**again, "result_url": ""} == {**job, "result_url": ""}
        assert again["result_url"] == f"{second.ready['api_url']}/results/{job['id']}.png"
        with second.api() as api:
            assert api.get(again["result_url"]).content == picture
            assert api.get("/api/v1/users/me/credits").json()["credits"] == 999
        finished = second.kubectl.finished("running")
        assert finished["metadata"]["uid"] == running["metadata"]["uid"]
        assert (finished["status"]["phase"], finished["status"]["attempt"]) == ("Completed", 1)


def test_on_an_existing_cluster_it_starts_no_control_plane_and_ctrl_c_takes_its_workers_away(
    launcher: Launcher, control_plane: ControlPlane
) -> None:
    with launcher.up("--kubeconfig", str(control_plane.admin_kubeconfig), *NULL) as stack:
        assert sorted(child.cmdline()[-1] for child in stack.children()) == [
            "picshapes_api",
            "picshapes_operator",
            "picshapes_worker",
        ]
        assert stack.ready["kubeconfig"] == str(control_plane.admin_kubeconfig)
        assert not (stack.folder / "control-plane").exists()
        job = stack.until_job(stack.submit()["id"], "completed", "failed")
        assert job["status"] == "completed"

        kubectl, ended = stack.kubectl, Ended(stack.children())
        assert kubectl("-n", "picshapes", "get", "pods", "-o", "name") == "pod/worker-0"
        assert stack.stop(signal.SIGINT) == 0
        assert ended.wait(1) == []
        assert kubectl("-n", "picshapes", "get", "pods", "-o", "name") == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_stops_it(launcher: Launcher, number: signal.Signals) -> None:
    stack = launcher.begin(*NULL)
    try:
        until(lambda: len(stack.children()) >= 3, "three processes")
        ended = Ended(stack.children())
        assert stack.stop(number) == 0
        assert ended.wait(1) == []
        assert not stack.ready_file.exists()
    finally:
        end(stack)


def test_no_process_outlives_it_when_it_is_killed_outright(launcher: Launcher) -> None:
    with launcher.up(*NULL) as stack:
        until(lambda: len(stack.children()) == 5, "etcd, the API server and three parts")
        key, ended = stack.ready["api_key"], Ended(stack.children())
        stack.process.kill()
        assert ended.wait() == []

    stack.ready_file.unlink()
    with launcher.up(*NULL) as again:  # what a kill leaves behind is no obstacle
        assert again.ready["api_key"] == key


def test_it_ends_with_the_reason_when_its_control_plane_dies(launcher: Launcher) -> None:
    with launcher.up(*NULL) as stack:
        ended = Ended(stack.children())
        next(child for child in stack.children() if child.name() == "etcd").kill()

        assert stack.process.wait(90) == 1
        assert ended.wait(1) == []
        told = stack.output.read_text()
        assert "picshapes: etcd ended with status -9" in told
        assert told.count("picshapes: ") == 1
        assert not stack.ready_file.exists()


def test_an_api_server_that_hangs_cant_keep_the_parts_from_ending(launcher: Launcher) -> None:
    with launcher.up(*NULL) as stack:
        ended = Ended(stack.children())
        parts = Ended([stack.part(name) for name in ("api", "worker-0", "operator")])
        hanging = next(child for child in stack.children() if child.name() == "kube-apiserver")
        hanging.suspend()
        stack.process.send_signal(signal.SIGTERM)
        assert parts.wait() == []

        hanging.resume()
        assert stack.process.wait(90) == 0
        assert ended.wait(1) == []
        assert stack.output.read_text().splitlines()[-1] == "PicShapes has stopped."


def test_settings_that_are_wrong_end_the_start_with_the_parts_own_words(launcher: Launcher) -> None:
    catalogue = launcher.scratch / "catalogue.yaml"
    catalogue.write_text(json.dumps({"profile": "demo"}))
    stack = launcher.begin("--catalogue", str(catalogue), *NULL)
    try:
        with pytest.raises(AssertionError, match="picshapes up ended with 1"):
            await_ready(stack)
        assert "the catalogue is invalid: default_model: Field required" in stack.output.read_text()
    finally:
        end(stack)

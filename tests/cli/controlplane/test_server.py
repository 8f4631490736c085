"""A control plane of real etcd and kube-apiserver: started, used, stopped, crashed, started again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.errors import ServerExitedError, StartFailedError, StateDirInUseError
from picshapes_cli.controlplane.server import ControlPlane, ControlPlaneOptions

WAIT_S = 60.0  # a bound, not an expectation
QUICK = ControlPlaneOptions(fsync=False)
ADMIN = "picshapes-admin"


def servers_in(state_dir: Path) -> list[psutil.Process]:
    """Return the processes that run in a state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(state_dir):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def server(state_dir: Path, name: str) -> psutil.Process:
    (found,) = [process for process in servers_in(state_dir) if process.name() == name]
    return found


@pytest_asyncio.fixture
async def own_plane(binaries: Binaries, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    """A control plane that a test may break."""
    async with ControlPlane(tmp_path / "plane", binaries, QUICK) as plane:
        yield plane


async def test_objects_and_tokens_outlive_a_restart_and_no_process_outlives_a_stop(
    binaries: Binaries, tmp_path: Path
) -> None:
    state_dir = tmp_path / "plane"
    async with ControlPlane(state_dir, binaries, ControlPlaneOptions(fsync=True)) as plane:
        token = plane.token(ADMIN)
        async with plane.http_client(token) as api:
            assert (await api.get("/readyz")).text == "ok"
            kept = {"metadata": {"name": "kept"}, "data": {"colour": "blue"}}
            created = await api.post("/api/v1/namespaces/default/configmaps", json=kept)
            assert created.status_code == 201
        assert {process.name() for process in servers_in(state_dir)} == {"etcd", "kube-apiserver"}

    assert servers_in(state_dir) == []

    async with ControlPlane(state_dir, binaries, ControlPlaneOptions(fsync=True)) as plane:
        assert plane.token(ADMIN) == token
        async with plane.http_client(token) as api:
            found = await api.get("/api/v1/namespaces/default/configmaps/kept")
            assert found.json()["data"] == {"colour": "blue"}


async def test_the_admins_kubeconfig_is_private_and_kubectl_takes_it(
    control_plane: ControlPlane, binaries: Binaries
) -> None:
    assert control_plane.admin_kubeconfig.stat().st_mode & 0o777 == 0o600
    assert control_plane.state_dir.stat().st_mode & 0o777 == 0o700

    assert binaries.kubectl is not None
    kubectl = await asyncio.create_subprocess_exec(
        binaries.kubectl,
        f"--kubeconfig={control_plane.admin_kubeconfig}",
        "auth",
        "whoami",
        "-o=jsonpath={.status.userInfo.username} {.status.userInfo.groups[0]}",
        stdout=subprocess.PIPE,
    )
    output, _ = await kubectl.communicate()
    assert output.decode() == "picshapes-admin system:masters"


async def test_nothing_listens_but_the_api_server_on_loopback(control_plane: ControlPlane) -> None:
    listening = {
        (process.name(), connection.laddr.ip)
        for process in servers_in(control_plane.state_dir)
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("kube-apiserver", "127.0.0.1")}


async def test_a_second_control_plane_in_the_same_folder_is_refused(
    control_plane: ControlPlane, binaries: Binaries
) -> None:
    with pytest.raises(StateDirInUseError, match="Stop it, or use another folder") as caught:
        await ControlPlane(control_plane.state_dir, binaries, QUICK).__aenter__()

    assert caught.value.code == "STATE_DIR_IN_USE"


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver"])
async def test_the_owner_learns_of_a_crash(own_plane: ControlPlane, name: str) -> None:
    server(own_plane.state_dir, name).kill()

    with pytest.raises(ServerExitedError, match=rf"{name} ended with status -9\. Its log is .*{name}\.log"):
        async with asyncio.timeout(WAIT_S):
            await own_plane.watch()


async def test_an_etcd_that_cannot_start_is_an_error_with_its_own_last_words(
    binaries: Binaries, tmp_path: Path
) -> None:
    state_dir = tmp_path / "plane"
    (state_dir / "etcd" / "member" / "snap").mkdir(parents=True)
    (state_dir / "etcd" / "member" / "snap" / "db").write_text("not a database")

    with pytest.raises(StartFailedError, match=r"(?s)etcd ended with status .*etcd\.log, and ends:\n.*"):
        await ControlPlane(state_dir, binaries, QUICK).__aenter__()

    assert servers_in(state_dir) == []


async def test_an_api_server_that_cannot_start_is_an_error_with_its_own_last_words(
    binaries: Binaries, tmp_path: Path
) -> None:
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho 'no such flag'\nexit 2\n")
    broken.chmod(0o755)
    state_dir = tmp_path / "plane"

    with pytest.raises(StartFailedError, match=r"(?s)kube-apiserver ended with status 2.*no such flag"):
        await ControlPlane(state_dir, Binaries(binaries.etcd, broken), QUICK).__aenter__()

    assert servers_in(state_dir) == []


async def test_a_start_that_takes_too_long_is_an_error(binaries: Binaries, tmp_path: Path) -> None:
    hung = tmp_path / "kube-apiserver"
    hung.write_text("#!/bin/sh\nexec sleep 600\n")
    hung.chmod(0o755)
    state_dir = tmp_path / "plane"
    options = ControlPlaneOptions(fsync=False, start_timeout_s=0.3)

    with pytest.raises(StartFailedError, match=r"kube-apiserver was not ready after 0\.3 s"):
        await ControlPlane(state_dir, Binaries(binaries.etcd, hung), options).__aenter__()

    assert servers_in(state_dir) == []


async def test_an_open_watch_does_not_hold_up_the_stop(binaries: Binaries, tmp_path: Path) -> None:
    options = ControlPlaneOptions(fsync=False, stop_timeout_s=WAIT_S)
    async with asyncio.timeout(WAIT_S):  # kube-apiserver would wait a minute for the watch to end
        async with ControlPlane(tmp_path / "plane", binaries, options) as plane:
            client = plane.http_client(plane.token(ADMIN))
            api = await client.__aenter__()
            request = api.build_request("GET", "/api/v1/pods", params={"watch": "1"}, timeout=None)
            watch = await api.send(request, stream=True)
            assert watch.status_code == 200
        assert [line async for line in watch.aiter_lines()] == []
        await watch.aclose()
        await client.__aexit__(None, None, None)


def test_no_process_is_left_when_the_owner_is_killed_and_the_folder_can_be_used_again(
    binaries: Binaries, tmp_path: Path
) -> None:
    state_dir = tmp_path / "plane"
    owner = f"""
import asyncio, sys
from pathlib import Path
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane
async def main():
    binaries = Binaries(Path({str(binaries.etcd)!r}), Path({str(binaries.kube_apiserver)!r}))
    async with ControlPlane(Path(sys.argv[1]), binaries) as plane:
        print(plane.url, flush=True)
        await plane.watch()
asyncio.run(main())
"""
    for _ in range(2):
        argv = [sys.executable, "-c", owner, str(state_dir)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("https://127.0.0.1:")
            servers = servers_in(state_dir)
            assert len(servers) == 2
            os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(servers, timeout=WAIT_S)
        assert alive == []

"""The API as a process: how it starts, refuses to start, and stops."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from tests.eventually import eventually

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.cluster import JOBS
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import API_VERSION, KIND

from .servers import Postgres, Redis

KEY = "uk_" + "a" * 43


@pytest.fixture
def environment(control_plane: ControlPlane, definition: None, namespace: str, tmp_path: Path) -> dict[str, str]:  # noqa: ARG001 - the definition must be there
    bootstrap = tmp_path / "bootstrap.json"
    user = {"email": "first@example.com", "role": "admin", "credits": 5, "api_key": KEY}
    bootstrap.write_text(json.dumps({"users": [user]}))
    bootstrap.chmod(0o600)
    return {
        "PATH": os.environ["PATH"],
        "PICSHAPES_PORT": "0",
        "PICSHAPES_KUBECONFIG": str(control_plane.admin_kubeconfig),
        "PICSHAPES_NAMESPACE": namespace,
        "PICSHAPES_STORAGE_URL": f"file://{tmp_path}/pictures",
        "PICSHAPES_BOOTSTRAP_FILE": str(bootstrap),
        "DATABASE_URL": f"sqlite://{tmp_path}/picshapes.db",
    }


@asynccontextmanager
async def process(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "picshapes_api", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def listening(started: asyncio.subprocess.Process) -> str:
    """Read the log until it says where the API listens."""
    assert started.stderr is not None
    async with asyncio.timeout(120):
        while line := await started.stderr.readline():
            entry = json.loads(line)
            if entry["event"] == "api.listening":
                return f"http://{entry['host']}:{entry['port']}"
    raise AssertionError("the process ended before it listened")


async def refusal(environment: dict[str, str]) -> tuple[int | None, str]:
    """Start a process that can't start, and return its status and what it said last."""
    async with process(environment) as started, asyncio.timeout(120):
        _, errors = await started.communicate()
        return started.returncode, errors.decode().splitlines()[-1]


async def test_sigterm_ends_the_one_process_with_status_0(environment: dict[str, str]) -> None:
    async with process(environment) as started:
        url = await listening(started)
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            await eventually(lambda: client.get("/readyz"), lambda answer: answer.status_code == 200)
            assert psutil.Process(started.pid).children() == []
            made = await client.post(
                "/api/v1/jobs", json={"prompt": "a"}, headers={"Authorization": f"Bearer {KEY}"}
            )
            assert made.status_code == 201
            started.send_signal(signal.SIGTERM)
            async with asyncio.timeout(120):
                assert await started.wait() == 0


async def test_jobs_of_the_namespaces_in_the_settings_are_shown(
    environment: dict[str, str], cluster: KubeCluster, admin_api: httpx.AsyncClient
) -> None:
    other = f"{environment['PICSHAPES_NAMESPACE']}-next"
    (await admin_api.post("/api/v1/namespaces", json={"metadata": {"name": other}})).raise_for_status()
    body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "mine"}, "spec": {"prompt": "a"}}
    uid = (await cluster.create(JOBS, other, body))["metadata"]["uid"]
    async with process(environment | {"PICSHAPES_JOB_NAMESPACES": f"{other},none-such"}) as started:
        url = await listening(started)
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            await eventually(lambda: client.get(f"/api/v1/jobs/{uid}"), lambda answer: answer.status_code == 200)


async def test_a_process_that_waits_for_its_database_ends_on_a_signal(
    environment: dict[str, str],
) -> None:
    with reserved_port() as port:
        away = environment | {"DATABASE_URL": f"postgres://nobody@127.0.0.1:{port}/none"}
        async with process(away) as started, asyncio.timeout(120):
            assert started.stderr is not None
            while b"retry" not in await started.stderr.readline():
                assert not started.stderr.at_eof()
            started.send_signal(signal.SIGTERM)
            assert await started.wait() == 0


async def test_a_second_start_finds_users_and_jobs_again(environment: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with process(environment) as started:
        url = await listening(started)
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            made = (await client.post("/api/v1/jobs", json={"prompt": "a"}, headers=headers)).json()
        started.kill()
        await started.wait()
    async with process(environment) as started:
        url = await listening(started)
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            assert (await client.get("/api/v1/users/me/credits", headers=headers)).json()["credits"] == 4
            assert (await client.get(f"/api/v1/jobs/{made['id']}")).json() == made


async def test_no_key_ever_reaches_the_log(environment: dict[str, str]) -> None:
    async with process(environment | {"PICSHAPES_LOG_LEVEL": "DEBUG"}) as started:
        url = await listening(started)
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 200
        started.send_signal(signal.SIGTERM)
        _, errors = await started.communicate()
    assert errors
    assert KEY.encode() not in errors


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("DATABASE_URL", None, "picshapes-api: wrong settings: DATABASE_URL: Field required"),
        (
            "DATABASE_URL",
            "mysql://root:secret@db/x",
            "picshapes-api: DATABASE_URL starts with mysql://; supported: sqlite, postgres",
        ),
        (
            "PICSHAPES_CATALOGUE",
            "/nowhere.yaml",
            "picshapes-api: can't read the catalogue /nowhere.yaml: No such file or directory",
        ),
        (
            "PICSHAPES_PORT",
            "70000",
            "picshapes-api: wrong settings: PICSHAPES_PORT: Input should be less than or equal to 65535",
        ),
    ],
)
async def test_wrong_settings_are_one_sentence_and_status_2(
    environment: dict[str, str], variable: str, value: str | None, sentence: str
) -> None:
    wrong = {name: text for name, text in environment.items() if name != variable}
    if value is not None:
        wrong[variable] = value
    assert await refusal(wrong) == (2, sentence)


async def test_a_bootstrap_file_that_others_may_read_is_refused(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "bootstrap.json"
    path.chmod(0o644)
    sentence = f"picshapes-api: {path} holds keys but others may read it: chmod 600 {path}"
    assert await refusal(environment) == (2, sentence)


async def test_a_second_process_on_one_sqlite_file_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    async with process(environment) as started:
        await listening(started)
        sentence = (
            f"picshapes-api: another API process uses {tmp_path}/picshapes.db:"
            " SQLite serves one; use PostgreSQL for more"
        )
        assert await refusal(environment) == (2, sentence)


async def test_a_second_process_on_postgresql_needs_redis_to_count_requests_together(
    environment: dict[str, str], postgres: Postgres, redis: Redis
) -> None:
    url = await postgres.new_database()
    alone = environment | {"DATABASE_URL": url}
    async with process(alone) as started:
        await listening(started)
        sentence = (
            "picshapes-api: another API process uses this database, and without REDIS_URL each counts its rate"
            " limits alone: set REDIS_URL for more than one"
        )
        assert await refusal(alone) == (2, sentence)
        async with process(alone | {"REDIS_URL": redis.url}) as second:
            await listening(second)
        started.kill()
        await started.wait()
        async with process(alone) as third:
            await listening(third)

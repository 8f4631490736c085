from pathlib import Path

import pytest

from picshapes_cli.up import parts
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.parts import Site

ENVIRONMENT = {
    "PATH": "/usr/bin",
    "TMPDIR": "/somewhere/else",
    "PICSHAPES_LOG_LEVEL": "DEBUG",
    "PICSHAPES_VRAM_MIB": "15360",
    "PICSHAPES_MODELS": "flux-schnell",
    "PICSHAPES_NULL_STEP_S": "0.1",
    "PICSHAPES_KUBECONFIG": "/somewhere/else",
    "PICSHAPES_URL": "http://somewhere.else",
    "PICSHAPES_STORAGE_URL": "s3://somewhere-else",
}


def site(**options: object) -> Site:
    chosen = UpOptions(Path("/d"), **options)  # type: ignore[arg-type]
    return Site(chosen, Layout(Path("/d")), "demo", ENVIRONMENT, "http://127.0.0.1:8080")


def environment_of(part: parts.Part) -> dict[str, str]:
    assert part.spec.env is not None
    return dict(part.spec.env)


def test_a_worker_gets_its_pod_its_store_and_the_settings_that_pass_through() -> None:
    worker = parts.worker(
        site(engine=Engine.NULL, job_namespaces=("a", "b")), "worker-0", Path("/d/worker-0.kubeconfig"), 9001
    )

    assert worker.ready_url == "http://127.0.0.1:9001/readyz"
    assert worker.spec.log_path == Path("/d/logs/worker-0.log")
    assert environment_of(worker) == {
        "PATH": "/usr/bin",
        "TMPDIR": "/d/tmp",
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": "passive",
        "PICSHAPES_NAMESPACE": "picshapes",
        "PICSHAPES_JOB_NAMESPACES": "a,b",
        "PICSHAPES_CATALOGUE": "demo",
        "PICSHAPES_LOG_FORMAT": "text",
        "PICSHAPES_LOG_LEVEL": "DEBUG",
        "PICSHAPES_VRAM_MIB": "15360",
        "PICSHAPES_MODELS": "flux-schnell",
        "PICSHAPES_NULL_STEP_S": "0.1",
        "PICSHAPES_KUBECONFIG": "/d/worker-0.kubeconfig",
        "PICSHAPES_PROBE_PORT": "9001",
        "PICSHAPES_POD_NAME": "worker-0",
        "PICSHAPES_ENGINE": "null",
        "PICSHAPES_STORAGE_URL": "file:///d/results",
        "PICSHAPES_PUBLIC_URL": "http://127.0.0.1:8080",
        "PICSHAPES_GRACE_S": "20.0",
    }


@pytest.mark.parametrize("make", [parts.api, parts.operator])
def test_no_setting_of_the_users_shell_reaches_the_parts_unasked(make: object) -> None:
    assert callable(make)
    environment = environment_of(make(site(), Path("/d/own.kubeconfig"), 9001))

    assert environment["PICSHAPES_KUBECONFIG"] == "/d/own.kubeconfig"
    assert environment["TMPDIR"] == "/d/tmp"
    assert "PICSHAPES_URL" not in environment


def test_the_api_keeps_everything_in_the_folder_unless_told_otherwise() -> None:
    own = environment_of(parts.api(site(), Path("/d/api.kubeconfig"), 8080))
    assert own["DATABASE_URL"] == "sqlite:///d/picshapes.db"
    assert own["PICSHAPES_STORAGE_URL"] == "file:///d/results"
    assert own["PICSHAPES_BOOTSTRAP_FILE"] == "/d/first-users.json"
    assert "REDIS_URL" not in own

    elsewhere = site(database_url="postgres://db/p", redis_url="redis://r", storage_url="s3://bucket")
    told = environment_of(parts.api(elsewhere, Path("/d/api.kubeconfig"), 8080))
    assert told["DATABASE_URL"] == "postgres://db/p"
    assert told["REDIS_URL"] == "redis://r"
    assert told["PICSHAPES_STORAGE_URL"] == "s3://bucket"

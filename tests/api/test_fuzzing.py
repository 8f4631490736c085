"""Schemathesis on the running API: with the contract itself, and with our own description of it."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from picshapes_api.core.account_requests import cursor_of
from picshapes_api.core.accounts import Role
from picshapes_api.web.description import FILE, description

from .conftest import Caller, RunningApi
from .test_contract import CONTRACT_FILE
from .test_spine import complete, poll, ready, submit

__all__ = ["ready"]

CONTRACT_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
)
# Data that the schema allows may still be over a tier's limit (400), too dear (402) or about nothing (404).
# Generated addresses are often the same ones.
SETTINGS = """
[generation]
max-examples = 120

[[operations]]
include-name = "POST /api/v1/admin/users"
generation.max-examples = 400

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "402", "403", "404", "409", "416", "304"]
"""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


async def fuzz(
    api: RunningApi, caller: Caller, folder: Path, description: Path, *options: str, known: dict[str, str]
) -> Path:
    """Run schemathesis to its end and return its report of every case; its own words when it finds a fault."""
    settings, report = folder / "schemathesis.toml", folder / "report.ndjson"
    fixed = "".join(f'"{name}" = "{value}"\n' for name, value in known.items())
    settings.write_text(f"[parameters]\n{fixed}{SETTINGS}")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "st",
        "--config-file",
        settings,
        "run",
        description,
        "--url",
        api.url,
        "-H",
        f"Authorization: Bearer {caller.key}",
        "--seed",
        "1",
        "--report",
        "ndjson",
        "--report-ndjson-path",
        report,
        "--no-color",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 280)
    assert process.returncode == 0, output.decode()[-6000:]
    return report


async def rich(api: RunningApi, http: httpx.AsyncClient, role: Role) -> Caller:
    """Make a user whom nothing stops."""
    admin, caller = await api.user(role=Role.ADMIN), await api.user(credits=10**9, role=role)
    lifted = {"limit_per_minute": 0, "limit_per_day": 0}
    path = f"/api/v1/admin/users/{caller.account.id}"
    assert (await http.patch(path, json=lifted, headers=admin.headers)).status_code == 200
    return caller


async def test_the_contract_holds_for_generated_requests(
    api: RunningApi, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    caller = await rich(api, http, Role.USER)
    options = ("--checks", CONTRACT_CHECKS, "--phases", "examples,fuzzing")
    await fuzz(api, caller, tmp_path, CONTRACT_FILE, *options, known={})


@pytest.mark.parametrize("mode", ["positive", "negative"])
async def test_our_description_holds_for_generated_requests(
    api: RunningApi, http: httpx.AsyncClient, tmp_path: Path, mode: str
) -> None:
    caller, other = await rich(api, http, Role.ADMIN), await api.user()
    job = await submit(http, caller)
    await complete(api, job["id"], job["id"], b"picture")
    await poll(http, job["id"], "completed")
    key = (await http.post("/api/v1/users/me/keys", headers=caller.headers)).json()
    known = {
        "path.id": job["id"],
        "path.user_id": other.account.id,
        "path.key_id": key["id"],
        "path.file_name": f"{job['id']}.png",
        "query.cursor": cursor_of(2**50, job["id"]),
    }
    options = ("--phases", "examples,fuzzing", "--mode", mode)
    report = await fuzz(api, caller, tmp_path, Path(str(FILE)), *options, known=known)
    if mode == "positive":
        reached = successes(report)
        assert set(reached) == {
            f"{method.upper()} {path}" for path, methods in description()["paths"].items() for method in methods
        }
        assert {name: count for name, count in reached.items() if count < LEAST[name]} == {}


# What has no free input has one case; its answer is the same however often it is asked for.
LEAST = Counter(dict.fromkeys((f"{m.upper()} {p}" for p, ms in description()["paths"].items() for m in ms), 1)) | {
    "POST /api/v1/jobs": 50,
    "GET /api/v1/jobs": 50,
    "POST /api/v1/users/me/keys": 50,
    "GET /api/v1/users/me/ledger": 50,
    "POST /api/v1/admin/users": 50,
    "GET /api/v1/admin/users": 1,
    "PATCH /api/v1/admin/users/{user_id}": 50,
    "POST /api/v1/admin/users/{user_id}/credits": 50,
    "POST /api/v1/admin/users/{user_id}/keys": 50,
    "GET /api/v1/admin/users/{user_id}/ledger": 50,
}


def successes(report: Path) -> Counter[str]:
    """Count, for each operation, the cases that reached a 2xx."""
    reached: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            if 200 <= ((interaction.get("response") or {}).get("status_code") or 0) < 300:
                reached[recorder["label"]] += 1
    return reached

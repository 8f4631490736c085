"""Schemathesis on the running API: with the contract itself, and with our own description of it."""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest
import schemathesis

from picshapes_api.core.account_requests import cursor_of
from picshapes_api.core.accounts import Role
from picshapes_api.web.description import FILE, description

from .conftest import Caller, RunningApi
from .test_contract import CONTRACT_FILE
from .test_spine import complete, poll, ready, submit

__all__ = ["ready"]

pytestmark = pytest.mark.timeout(960)

LEAST = 50
LONGEST_S = 900
CONTRACT_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
)
# Data that the schema allows may still be over a tier's limit (400), too dear (402) or about nothing (404).
# Generated addresses are often the same ones. How long data takes to make hangs on what else the machine does.
SETTINGS = """
suppress-health-check = ["too_slow"]

[parameters]

[generation]
max-examples = 70

[[operations]]
include-name = "POST /api/v1/admin/users"
generation.max-examples = 400

[[operations]]
include-name = "POST /api/v1/jobs"
generation.max-examples = 200

[[operations]]
include-name = ["GET /api/v1/jobs/{id}", "GET /api/v1/jobs/{id}/result", "GET /api/v1/jobs/{id}/explain"]
# DELETE lets a job end; it stays to be looked at.
checks.use_after_free.enabled = false

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
    settings.write_text(SETTINGS.replace("[parameters]\n", f"[parameters]\n{fixed}"))
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
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LONGEST_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
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


async def known_things(api: RunningApi, http: httpx.AsyncClient, caller: Caller) -> dict[str, str]:
    """Make one thing of each kind and return what paths and cursors name it by."""
    job, other = await submit(http, caller), await api.user()
    await complete(api, job["id"], job["id"], b"picture")
    await poll(http, job["id"], "completed")
    key = (await http.post("/api/v1/users/me/keys", headers=caller.headers)).json()
    return {
        "path.id": job["id"],
        "path.user_id": other.account.id,
        "path.key_id": key["id"],
        "path.file_name": f"{job['id']}.png",
        "query.cursor": cursor_of(2**50, job["id"]),
    }


@pytest.mark.parametrize("phases", ["coverage", "stateful"])
async def test_our_description_holds_for_borders_and_for_sequences_of_requests(
    api: RunningApi, http: httpx.AsyncClient, tmp_path: Path, phases: str
) -> None:
    caller = await rich(api, http, Role.ADMIN)
    known = await known_things(api, http, caller)
    await fuzz(api, caller, tmp_path, Path(str(FILE)), "--phases", phases, known=known)


async def test_our_description_holds_for_generated_wrong_requests(
    api: RunningApi, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    caller = await rich(api, http, Role.ADMIN)
    known = await known_things(api, http, caller)
    options = ("--phases", "fuzzing", "--mode", "negative")
    await fuzz(api, caller, tmp_path, Path(str(FILE)), *options, known=known)


async def test_our_description_holds_for_50_generated_requests_that_succeed_of_each_operation(
    api: RunningApi, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    caller = await rich(api, http, Role.ADMIN)
    known = await known_things(api, http, caller)
    options = ("--phases", "examples,fuzzing", "--mode", "positive")
    report = await fuzz(api, caller, tmp_path, Path(str(FILE)), *options, known=known)
    reached = successes(report)
    assert set(reached) == LABELS
    # What has nothing to vary was asked once; it is asked as often as the rest, and every answer checked.
    fixed = {label: LEAST - count for label, count in reached.items() if label in FIXED}
    await asyncio.to_thread(ask_again, api.url, caller, known, fixed)
    assert {label: count for label, count in reached.items() if count < LEAST and label not in FIXED} == {}


LABELS = {f"{method.upper()} {path}" for path, methods in description()["paths"].items() for method in methods}
FIXED = {
    "GET /api/v1/users/me",
    "GET /api/v1/users/me/credits",
    "GET /api/v1/users/me/keys",
    "DELETE /api/v1/users/me/keys/{key_id}",
    "GET /api/v1/tiers",
    "GET /api/v1/models",
    "GET /api/v1/jobs/{id}",
    "GET /api/v1/jobs/{id}/result",
    "GET /api/v1/jobs/{id}/explain",
    "DELETE /api/v1/jobs/{id}",
    "GET /api/v1/admin/users/{user_id}",
    "GET /api/v1/admin/audit",
    "GET /results/{file_name}",
}


def ask_again(url: str, caller: Caller, known: dict[str, str], times: dict[str, int]) -> None:
    """Ask operations with the known things and put every answer, a success, to all of schemathesis's checks."""
    schema = schemathesis.openapi.from_path(str(FILE))
    for label, count in times.items():
        method, path = label.split()
        named = {name.removeprefix("path."): value for name, value in known.items() if f"{{{name[5:]}}}" in path}
        for _ in range(count):
            case = schema[path][method].Case(path_parameters=named)
            answer = case.call_and_validate(base_url=url, headers=caller.headers)
            assert 200 <= answer.status_code < 300, label


def successes(report: Path) -> Counter[str]:
    """Count, for each operation, the cases that reached a 2xx."""
    reached: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for interaction in recorder.get("interactions", {}).values():
            if 200 <= ((interaction.get("response") or {}).get("status_code") or 0) < 300:
                reached[recorder["label"]] += 1
    return reached

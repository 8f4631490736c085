"""The running API held to the contract, and its own description held to be a superset of it."""

import importlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from picshapes_api.web.description import description
from picshapes_crds.phases import Reason

from .conftest import RunningApi
from .test_spine import complete, fail, poll, ready

__all__ = ["ready"]

CONTRACT_FILE = Path(__file__).parent / "contract" / "openapi.yaml"
Spec = dict[str, Any]


def contract() -> Spec:
    """The contract, as if served from here."""
    spec: Spec = yaml.safe_load(CONTRACT_FILE.read_text())
    return spec | {"servers": [{"url": "/"}]}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


class Conformance:
    """Checks every answer against both descriptions, and remembers what was answered."""

    def __init__(self) -> None:
        self.specs = [OpenAPI.from_dict(contract()), OpenAPI.from_dict(description())]
        self.paths = contract()["paths"]
        self.answered: set[tuple[str, str, str]] = set()

    async def check(self, response: httpx.Response) -> None:
        await response.aread()
        request = response.request
        path = request.url.path
        template = next((one for one in self.paths if _matches(one, path)), None)
        if template is None or request.method.lower() not in self.paths[template]:
            return
        asked = MockRequest("http://localhost", request.method.lower(), path, headers=dict(request.headers))
        content_type = response.headers["content-type"].partition(";")[0]
        given = MockResponse(response.content, response.status_code, dict(response.headers), content_type)
        for spec in self.specs:
            spec.validate_response(asked, given)
        self.answered.add((template, request.method.lower(), str(response.status_code)))


def _matches(template: str, path: str) -> bool:
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        a == b or a.startswith("{") for a, b in zip(wanted, given, strict=True)
    )


@pytest_asyncio.fixture
async def checked(api: RunningApi) -> AsyncIterator[tuple[httpx.AsyncClient, Conformance]]:
    conformance = Conformance()
    hooks = {"response": [conformance.check]}
    async with httpx.AsyncClient(base_url=api.url, timeout=30, event_hooks=hooks) as client:
        yield client, conformance


async def test_every_status_of_every_operation_in_the_contract_is_answered_as_described(
    api: RunningApi, checked: tuple[httpx.AsyncClient, Conformance]
) -> None:
    http, conformance = checked
    caller, stranger = await api.user(credits=6), {"Authorization": "Bearer uk_0000000000000000000000000"}
    for path in ("/api/v1/users/me", "/api/v1/users/me/credits"):
        await http.get(path, headers=caller.headers)
        await http.get(path, headers=stranger)
    await http.get("/api/v1/tiers")
    await http.get("/api/v1/models")
    made = (
        await http.post(
            "/api/v1/jobs", json={"prompt": "a", "negative_prompt": "b", "tier": "premium"}, headers=caller.headers
        )
    ).json()
    bad = await http.post("/api/v1/jobs", json={"prompt": "a", "tier": "gold"}, headers=caller.headers)
    assert bad.json() == {
        "error": "Invalid tier",
        "code": "INVALID_TIER",
        "errors": [{"field": "tier", "code": "INVALID_TIER", "message": "Invalid tier"}],
    }
    wide = await http.post("/api/v1/jobs", json={"prompt": "a", "width": 1025}, headers=caller.headers)
    assert (wide.json()["error"], wide.json()["code"]) == ("Width exceeds tier maximum", "TIER_LIMIT_EXCEEDED")
    await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=stranger)
    await http.post("/api/v1/jobs", json={"prompt": "a", "tier": "pro"}, headers=caller.headers)
    await http.get(f"/api/v1/jobs/{made['id']}")
    await http.get(f"/api/v1/jobs/{made['id']}/result")
    await complete(api, made["id"], made["id"], b"x")
    await poll(http, made["id"], "completed")
    await http.get(f"/api/v1/jobs/{made['id']}/result")
    lost = (await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=caller.headers)).json()
    await fail(api, lost["id"], Reason.INTERNAL_ERROR)
    await poll(http, lost["id"], "failed")
    await http.get(f"/api/v1/jobs/{lost['id']}/result")
    await http.get("/api/v1/jobs/00000000-0000-4000-8000-000000000000")
    await http.get("/api/v1/jobs/00000000-0000-4000-8000-000000000000/result")
    for _ in range(60):
        last = await http.post("/api/v1/jobs", json={}, headers=caller.headers)
    assert last.status_code == 429
    demanded = {
        (path, method, status)
        for path, methods in contract()["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
    }
    assert demanded - conformance.answered == set()


def test_the_served_description_is_a_superset_of_the_contract() -> None:
    ours, theirs = description(), contract()
    for part in ("paths", "components"):
        assert lost(theirs[part], ours[part], theirs, ours, part) == []
    assert ours["openapi"] == theirs["openapi"]


def test_what_a_request_may_be_differs_only_by_the_stated_bounds() -> None:
    theirs = contract()["components"]["schemas"]["CreateJobRequest"]
    ours = description()["components"]["schemas"]["CreateJobRequest"]
    assert ours["required"] == theirs["required"]
    added = {
        name: {key: value for key, value in ours["properties"][name].items() if key not in schema}
        for name, schema in theirs["properties"].items()
    }
    text, side = {"minLength": 1, "maxLength": 4000}, {"minimum": 64, "maximum": 1536}
    assert {name: more for name, more in added.items() if more} == {
        "prompt": text,
        "negative_prompt": text,
        "width": side,
        "height": side,
        "seed": {"format": "int64", "minimum": 0, "maximum": 9007199254740991},
    }


def lost(theirs: Any, ours: Any, their_root: Spec, our_root: Spec, where: str) -> list[str]:
    """Name everything of the contract that our description lacks or says otherwise, prose apart."""
    theirs, ours = _resolved(theirs, their_root), _resolved(ours, our_root)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        faults = []
        for key, value in theirs.items():
            if key in ("description", "summary") and isinstance(value, str):
                continue
            if key not in ours:
                faults.append(f"{where}.{key} is missing")
            else:
                faults += lost(value, ours[key], their_root, our_root, f"{where}.{key}")
        return faults
    if isinstance(theirs, list) and isinstance(ours, list):
        return [
            f"{where} lacks {one}"
            for one in theirs
            if not any(not lost(one, other, their_root, our_root, where) for other in ours)
        ]
    return [] if theirs == ours else [f"{where} is {ours}, not {theirs}"]


def _resolved(node: Any, root: Spec) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        at: Any = root
        for key in node["$ref"].removeprefix("#/").split("/"):
            at = at[key]
        node = at
    return node


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A client made from the contract by openapi-python-client, which knows nothing of this API."""
    folder = tmp_path_factory.mktemp("generated")
    binaries = Path(sys.executable).parent
    subprocess.run(
        [
            binaries / "openapi-python-client",
            "generate",
            "--path",
            CONTRACT_FILE,
            "--meta",
            "none",
            "--output-path",
            folder / "picshapes_client",
        ],
        check=True,
        env=os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"},
        timeout=120,
    )
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("picshapes_client")
    finally:
        sys.path.remove(str(folder))


async def test_a_client_generated_from_the_contract_does_the_whole_story(
    api: RunningApi, generated: ModuleType
) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{generated.__name__}.{name}")

    caller = await api.user(credits=2)
    models, jobs, users = part("models"), "api.jobs.", "api.users."
    async with generated.AuthenticatedClient(base_url=api.url, token=caller.key, timeout=30) as client:
        profile = await part(f"{users}get_api_v1_users_me").asyncio(client=client)
        assert (str(profile.id), profile.credits_, profile.role) == (caller.account.id, 2, "user")
        tiers = await part("api.tiers.get_api_v1_tiers").asyncio(client=client)
        assert [getattr(tiers.tiers, name).credits_ for name in ("basic", "pro", "premium")] == [1, 3, 5]
        shown = await part("api.models.get_api_v1_models").asyncio(client=client)
        assert shown.default_model == "z-image-turbo"
        assert shown.models["flux-schnell"].tier_configs["pro"].max_width == 1280
        body = models.CreateJobRequest(prompt="a red circle", seed=42)
        job = await part(f"{jobs}post_api_v1_jobs").asyncio(client=client, body=body)
        assert (job.status, job.width, job.steps, job.seed) == ("pending", 1024, 8, 42)
        waiting = await part(f"{jobs}get_api_v1_jobs_id_result").asyncio(client=client, id=job.id)
        assert waiting.message == "Job is not completed yet"
        await complete(api, str(job.id), str(job.id), b"red")
        async with httpx.AsyncClient(base_url=api.url) as http:
            await poll(http, str(job.id), "completed")
        done = await part(f"{jobs}get_api_v1_jobs_id").asyncio(client=client, id=job.id)
        result = await part(f"{jobs}get_api_v1_jobs_id_result").asyncio(client=client, id=job.id)
        assert result.result_url == done.result_url
        async with httpx.AsyncClient() as http:
            assert (await http.get(done.result_url)).content == b"red"
        credits_left = await part(f"{users}get_api_v1_users_me_credits").asyncio(client=client)
        assert credits_left.credits_ == 1
        poor = models.CreateJobRequest(prompt="a", tier=models.CreateJobRequestTier.PRO)
        refused = await part(f"{jobs}post_api_v1_jobs").asyncio(client=client, body=poor)
        assert (refused.code, refused.credits_, refused.credits_needed) == ("INSUFFICIENT_CREDITS", 1, 3)


async def test_the_description_and_its_page_are_served(http: httpx.AsyncClient) -> None:
    served = await http.get("/openapi.yaml")
    assert served.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(served.content) == description()
    assert (await http.get("/openapi.json")).json() == description()
    page = await http.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "://" not in page.text

"""Prompts of hostile hands, from the request to the resource and the database: kept to the letter, or refused."""

import json
from pathlib import Path
from typing import Final

import httpx
import pytest

from picshapes_crds.cluster import JOBS

from .conftest import Caller, RunningApi
from .test_spine import placed, ready

__all__ = ["ready"]

KEPT: Final = {
    "escape sequences": "\x1b[31mred\x1b[2J\x1b]0;title\x07",
    "line breaks": "a\r\nb\nc\x0b\x0c\x85\u2028\u2029d",
    "a forged log line": 'x\n{"event": "job.closed", "level": "info"}\n2026-01-01T00:00:00Z [info] forged',
    "4,000 emoji": "😀" * 4000,
    "joined emoji": "👩‍👩‍👧‍👦" * 500,
    "bidirectional overrides": "\u202egnp.erutcip\u202c \u2066a\u2069",
    "combining marks": "Z" + "\u0301" * 3999,
    "last code points": "\ue000\ufffd\uffff\U0010ffff",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f and a circle",
    "markup": "<script>alert(1)</script>{{7*7}}${7*7}'; DROP TABLE jobs; --",
    "format characters": "%s%n {0} {x!r} \\x00 \\u0000",
}
REFUSED: Final = {
    "NUL": b'{"prompt": "a\\u0000b"}',
    "half a surrogate pair": b'{"prompt": "\\ud800"}',
    "the other half": b'{"prompt": "\\udc00 circle"}',
    "no UTF-8": b'{"prompt": "\xff\xfe"}',
    "an overlong NUL": b'{"prompt": "\xc0\x80"}',
    "white space alone": json.dumps({"prompt": "\u2003\u00a0\t\n"}).encode(),
    "4,001 characters": json.dumps({"prompt": "😀" * 4001}).encode(),
    "depth": b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of many digits": b'{"prompt": "x", "seed": ' + b"9" * 100_000 + b"}",
    "a number beyond all": b'{"prompt": "x", "seed": 1e999}',
    "one key twice, the second wrong": b'{"prompt": "x", "prompt": 1}',
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


async def post(http: httpx.AsyncClient, caller: Caller, body: bytes) -> httpx.Response:
    headers = {**caller.headers, "Content-Type": "application/json"}
    return await http.post("/api/v1/jobs", content=body, headers=headers)


async def test_what_is_text_is_kept_to_the_letter(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=1000)
    for name, prompt in KEPT.items():
        answer = await post(http, caller, json.dumps({"prompt": prompt, "negative_prompt": prompt}).encode())
        assert answer.status_code == 201, (name, answer.text)
        spec = (await placed(api, answer.json()["id"]))["spec"]
        assert (spec["prompt"], spec["negativePrompt"]) == (prompt, prompt), name
        assert (await http.get(f"/api/v1/jobs/{answer.json()['id']}")).json()["prompt"] == prompt, name


async def test_what_is_no_text_is_refused_and_costs_nothing(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=3)
    for name, body in REFUSED.items():
        answer = await post(http, caller, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), (name, answer.text)
    assert (await http.get("/api/v1/users/me/credits", headers=caller.headers)).json()["credits"] == 3


@pytest.mark.parametrize(
    "key",
    [
        "Bearer uk_" + "x" * 7000,
        "Bearer \x7f",
        "Basic dXNlcjpwYXNz",
        "bearer",
        "Bearer uk_\xff\xfe",
        "🔑",
    ],
)
async def test_no_key_of_any_form_is_anything_but_401(http: httpx.AsyncClient, key: str) -> None:
    answer = await http.get("/api/v1/users/me", headers={b"Authorization": key.encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("key", [b"", b"x" * 1000, b"\xff", b"\x7f", "ключ".encode()])
async def test_idempotency_keys_of_any_form_are_taken_or_refused(
    api: RunningApi, http: httpx.AsyncClient, key: bytes
) -> None:
    caller = await api.user()
    headers = {b"Authorization": f"Bearer {caller.key}".encode(), b"Idempotency-Key": key}
    answers = [await http.post("/api/v1/jobs", json={"prompt": "x"}, headers=headers) for _ in range(2)]
    assert {answer.status_code for answer in answers} <= {200, 201, 400}
    if answers[0].is_success:
        assert answers[0].json()["id"] == answers[1].json()["id"]


async def test_a_prompt_applied_by_kubectl_may_hold_what_the_api_server_lets_in(
    api: RunningApi,
) -> None:
    made = await api.cluster.create(
        JOBS,
        api.namespace,
        {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "metadata": {"name": "by-hand"},
            "spec": {"prompt": "a\x00b\x1b[31m"},
        },
    )
    assert made["spec"]["prompt"] == "a\x00b\x1b[31m"

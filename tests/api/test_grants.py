"""Grants over HTTP: repeated with an idempotency key, they are given once."""

import asyncio
from dataclasses import replace

import httpx

from picshapes_api.core.accounts import Role
from picshapes_api.core.idempotency import read_idempotency
from picshapes_api.storage.database import Database
from picshapes_api.storage.grants import Grant, Granted, GrantStore

from .conftest import Caller, RunningApi

ONE = {"amount": 7, "reason": "thanks"}


async def grant(
    http: httpx.AsyncClient, admin: Caller, caller: Caller, body: object, key: str = "once"
) -> httpx.Response:
    path = f"/api/v1/admin/users/{caller.account.id}/credits"
    return await http.post(path, json=body, headers=admin.headers | {"Idempotency-Key": key})


async def balance(http: httpx.AsyncClient, caller: Caller) -> int:
    return int((await http.get("/api/v1/users/me/credits", headers=caller.headers)).json()["credits"])


async def test_a_repeated_grant_is_given_once_and_answered_as_before(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user(credits=1)
    first = await grant(http, admin, caller, ONE)
    assert (first.status_code, first.json()) == (200, {"credits": 8, "user_id": caller.account.id})
    assert "idempotent-replayed" not in first.headers
    await grant(http, admin, caller, {"amount": 1, "reason": "more"}, key="twice")
    again = await grant(http, admin, caller, {"reason": "thanks", "amount": 7.0})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert await balance(http, caller) == 9


async def test_the_key_of_a_grant_stands_for_one_body_and_one_user(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    admin, caller, other = await api.user(role=Role.ADMIN), await api.user(credits=0), await api.user(credits=0)
    await grant(http, admin, caller, ONE)
    for refused in (await grant(http, admin, caller, ONE | {"amount": 8}), await grant(http, admin, other, ONE)):
        assert (refused.status_code, refused.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert (await balance(http, caller), await balance(http, other)) == (7, 0)


async def test_keys_of_grants_are_each_administrators_own(api: RunningApi, http: httpx.AsyncClient) -> None:
    one, two, caller = await api.user(role=Role.ADMIN), await api.user(role=Role.ADMIN), await api.user(credits=0)
    await grant(http, one, caller, ONE)
    await grant(http, two, caller, ONE)
    assert await balance(http, caller) == 14


async def test_a_refused_grant_uses_up_no_key(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user(credits=0)
    nobody = Caller(replace(caller.account, id="8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"), caller.key)
    missing = await grant(http, admin, nobody, ONE)
    assert (missing.status_code, missing.json()["code"]) == (404, "USER_NOT_FOUND")
    wrong = await grant(http, admin, caller, {"amount": 0})
    assert wrong.status_code == 400
    long = await grant(http, admin, caller, ONE, key="k" * 256)
    assert [fault["field"] for fault in long.json()["errors"]] == ["Idempotency-Key"]
    assert (await grant(http, admin, caller, ONE)).status_code == 200
    assert await balance(http, caller) == 7


async def test_of_grants_with_one_key_at_once_one_is_given(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user(credits=0)
    answers = await asyncio.gather(*(grant(http, admin, caller, ONE) for _ in range(20)))
    assert {(answer.status_code, answer.json()["credits"]) for answer in answers} == {(200, 7)}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await balance(http, caller) == 7


async def test_the_key_of_a_grant_is_remembered_for_a_day(api: RunningApi, database: Database) -> None:
    admin, caller, now_ms = await api.user(role=Role.ADMIN), await api.user(credits=0), [0]
    grants = GrantStore(database, lambda: now_ms[0])
    idempotency = read_idempotency("once", "the same")
    one = Grant(caller.account.id, 7, "thanks", admin.account.id, idempotency)
    assert await grants.give(one) == Granted(7, replayed=False)
    now_ms[0] = 24 * 3600 * 1000 - 1
    assert await grants.give(one) == Granted(7, replayed=True)
    now_ms[0] += 1
    assert await grants.give(one) == Granted(14, replayed=False)

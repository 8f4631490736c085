"""Users, keys, credits and ledgers over HTTP, for their owners and for administrators."""

import asyncio

import httpx
import pytest

from picshapes_api.core.accounts import Role
from picshapes_api.storage.database import ConstraintError, Database, Session

from .conftest import RunningApi


async def test_a_key_is_shown_once_listed_by_prefix_and_revocable(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user()
    made = await http.post("/api/v1/users/me/keys", json={"name": "laptop"}, headers=caller.headers)
    assert made.status_code == 201
    key = made.json()["api_key"]
    assert (key[:3], len(key)) == ("uk_", 46)
    with_it = {"Authorization": f"Bearer {key}"}
    assert (await http.get("/api/v1/users/me", headers=with_it)).status_code == 200
    listed = (await http.get("/api/v1/users/me/keys", headers=caller.headers)).json()["keys"]
    assert len(listed) == 2
    (laptop,) = [one for one in listed if one.get("name") == "laptop"]
    assert set(laptop) == {"id", "prefix", "name", "created_at", "last_used_at"}
    assert laptop["prefix"] == key[:11]
    revoked = await http.delete(f"/api/v1/users/me/keys/{laptop['id']}", headers=caller.headers)
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert (await http.get("/api/v1/users/me", headers=with_it)).status_code == 401
    assert len((await http.get("/api/v1/users/me/keys", headers=caller.headers)).json()["keys"]) == 1


async def test_a_user_sees_and_revokes_only_the_own_keys(api: RunningApi, http: httpx.AsyncClient) -> None:
    one, other = await api.user(), await api.user()
    theirs = (await http.get("/api/v1/users/me/keys", headers=other.headers)).json()["keys"][0]["id"]
    for key_id in (theirs, "nothing"):
        answer = await http.delete(f"/api/v1/users/me/keys/{key_id}", headers=one.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "KEY_NOT_FOUND")
    assert (await http.get("/api/v1/users/me", headers=other.headers)).status_code == 200


async def test_keys_are_bounded_even_when_made_at_once(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller, admin = await api.user(), await api.user(role=Role.ADMIN)
    path = f"/api/v1/admin/users/{caller.account.id}"
    await http.patch(path, json={"limit_per_minute": 0}, headers=admin.headers)
    answers = await asyncio.gather(
        *(http.post("/api/v1/users/me/keys", headers=caller.headers) for _ in range(110))
    )
    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    assert sum(answer.status_code == 201 for answer in answers) == 99
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"TOO_MANY_KEYS"}


async def test_the_use_of_a_key_is_noted_to_the_minute(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    assert "last_login_at" not in (await http.get("/api/v1/users/me", headers=caller.headers)).json()
    seen = (await http.get("/api/v1/users/me", headers=caller.headers)).json()["last_login_at"]
    assert seen.endswith(":00.000Z")


async def test_an_administrator_makes_a_user_with_a_first_key(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin = await api.user(role=Role.ADMIN)
    body = {"email": "New.User@Example.com", "display_name": "New", "credits": 7}
    made = await http.post("/api/v1/admin/users", json=body, headers=admin.headers)
    assert made.status_code == 201
    user = made.json()
    assert (user["email"], user["display_name"], user["role"], user["credits"]) == (
        "new.user@example.com",
        "New",
        "user",
        7,
    )
    own = {"Authorization": f"Bearer {user['api_key']}"}
    assert (await http.get("/api/v1/users/me", headers=own)).json()["id"] == user["id"]
    (grant,) = (await http.get("/api/v1/users/me/ledger", headers=own)).json()["entries"]
    assert (grant["kind"], grant["amount"], grant["reason"], grant["actor_id"]) == (
        "grant",
        7,
        "first credits",
        admin.account.id,
    )
    again = await http.post("/api/v1/admin/users", json=body, headers=admin.headers)
    assert (again.status_code, again.json()["code"]) == (409, "EMAIL_TAKEN")


async def test_a_wrong_new_user_is_refused_with_every_fault(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin = await api.user(role=Role.ADMIN)
    body = {"email": "nobody", "role": "root", "credits": -1, "display_name": ""}
    answer = await http.post("/api/v1/admin/users", json=body, headers=admin.headers)
    assert answer.status_code == 400
    assert [fault["message"] for fault in answer.json()["errors"]] == [
        "Email must be an e-mail address",
        "Display name must not be empty",
        "Role must be user or admin",
        "Credits must be at least 0",
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/admin/users"),
        ("GET", "/api/v1/admin/users"),
        ("GET", "/api/v1/admin/users/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"),
        ("PATCH", "/api/v1/admin/users/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"),
        ("POST", "/api/v1/admin/users/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/credits"),
        ("POST", "/api/v1/admin/users/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/keys"),
        ("GET", "/api/v1/admin/users/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d/ledger"),
        ("GET", "/api/v1/admin/audit"),
    ],
)
async def test_only_administrators_may_administrate(
    api: RunningApi, http: httpx.AsyncClient, method: str, path: str
) -> None:
    caller, admin = await api.user(), await api.user(role=Role.ADMIN)
    assert (await http.request(method, path)).json()["code"] == "UNAUTHORIZED"
    refused = await http.request(method, path, headers=caller.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert (await http.request(method, path, headers=admin.headers)).status_code != 403


async def test_users_are_listed_in_pages_newest_first(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin = await api.user(role=Role.ADMIN)
    for _ in range(4):
        await api.user()
    first = (await http.get("/api/v1/admin/users?limit=3", headers=admin.headers)).json()
    rest = (
        await http.get(f"/api/v1/admin/users?limit=3&cursor={first['next_cursor']}", headers=admin.headers)
    ).json()
    assert "next_cursor" not in rest
    users = first["users"] + rest["users"]
    assert len({user["id"] for user in users}) == 5
    assert [user["created_at"] for user in users] == sorted((u["created_at"] for u in users), reverse=True)
    found = await http.get(f"/api/v1/admin/users?email={admin.account.email.upper()}", headers=admin.headers)
    assert [user["id"] for user in found.json()["users"]] == [admin.account.id]


async def test_a_disabled_user_is_turned_away_like_a_stranger(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    path = f"/api/v1/admin/users/{caller.account.id}"
    changed = await http.patch(path, json={"disabled": True, "limit_per_minute": 5}, headers=admin.headers)
    assert (changed.json()["disabled"], changed.json()["limit_per_minute"]) == (True, 5)
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 401
    await http.patch(path, json={"disabled": False}, headers=admin.headers)
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 200


async def test_a_limit_of_null_is_the_default_again_and_an_absent_one_stays(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    path = f"/api/v1/admin/users/{caller.account.id}"
    lowered = {"limit_per_minute": 1, "limit_per_day": 2.0}
    assert (await http.patch(path, json=lowered, headers=admin.headers)).json()["limit_per_day"] == 2
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 200
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 429
    changed = (await http.patch(path, json={"limit_per_minute": None}, headers=admin.headers)).json()
    assert "limit_per_minute" not in changed
    assert changed["limit_per_day"] == 2
    await http.patch(path, json={"limit_per_day": None}, headers=admin.headers)
    answer = await http.get("/api/v1/users/me", headers=caller.headers)
    assert (answer.status_code, answer.headers["ratelimit-limit"]) == (200, "60")
    wrong = await http.patch(path, json={"role": None, "limit_per_day": "1"}, headers=admin.headers)
    assert [fault["message"] for fault in wrong.json()["errors"]] == [
        "Role must be a string",
        "Limit per day must be an integer",
    ]


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
async def test_the_last_administrator_stays(
    api: RunningApi, http: httpx.AsyncClient, change: dict[str, object]
) -> None:
    admin = await api.user(role=Role.ADMIN)
    path = f"/api/v1/admin/users/{admin.account.id}"
    refused = await http.patch(path, json=change, headers=admin.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "LAST_ADMIN")
    second = await api.user(role=Role.ADMIN)
    assert (await http.patch(path, json=change, headers=second.headers)).status_code == 200


async def test_a_grant_has_a_reason_and_shows_in_the_ledger(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user(credits=1)
    path = f"/api/v1/admin/users/{caller.account.id}"
    wrong = await http.post(f"{path}/credits", json={"amount": 0}, headers=admin.headers)
    assert [fault["message"] for fault in wrong.json()["errors"]] == [
        "Amount must be at least 1",
        "Reason is required",
    ]
    granted = await http.post(f"{path}/credits", json={"amount": 9, "reason": "thanks"}, headers=admin.headers)
    assert granted.json() == {"credits": 10, "user_id": caller.account.id}
    entries = (await http.get(f"{path}/ledger?limit=1", headers=admin.headers)).json()
    assert [(one["amount"], one["reason"]) for one in entries["entries"]] == [(9, "thanks")]
    older = await http.get(f"{path}/ledger?limit=1&cursor={entries['next_cursor']}", headers=admin.headers)
    assert [one["amount"] for one in older.json()["entries"]] == [1]


async def test_the_audit_finds_a_balance_that_is_not_the_sum_of_the_ledger(
    api: RunningApi, http: httpx.AsyncClient, database: Database
) -> None:
    admin, caller = await api.user(credits=3, role=Role.ADMIN), await api.user(credits=5)
    clean = (await http.get("/api/v1/admin/audit", headers=admin.headers)).json()
    assert clean == {"consistent": True, "users": 2, "entries": 2, "mismatches": [], "unsettled_jobs": []}

    async def steal(session: Session) -> None:
        await session.fetch("UPDATE users SET credits = 50 WHERE id = $1", caller.account.id)

    await database.write(steal)
    found = (await http.get("/api/v1/admin/audit", headers=admin.headers)).json()
    assert found["consistent"] is False
    assert found["mismatches"] == [{"user_id": caller.account.id, "credits": 50, "ledger": 5}]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE users SET credits = -1", "UPDATE ledger SET amount = 1000", "DELETE FROM ledger"],
)
async def test_the_database_itself_refuses_to_forge_money(
    api: RunningApi, database: Database, statement: str
) -> None:
    await api.user(credits=5)

    async def forge(session: Session) -> None:
        await session.fetch(statement)

    with pytest.raises(ConstraintError):
        await database.write(forge)
    assert (await database.fetch("SELECT credits FROM users"))[0]["credits"] == 5


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ("limit=0", ["Limit must be an integer from 1 to 100"]),
        ("limit=101", ["Limit must be an integer from 1 to 100"]),
        (
            "limit=x&cursor=!",
            ["Limit must be an integer from 1 to 100", "Cursor must be a next_cursor of this list"],
        ),
        ("cursor=MTIz", ["Cursor must be a next_cursor of this list"]),
    ],
)
async def test_a_wrong_page_is_refused(
    api: RunningApi, http: httpx.AsyncClient, query: str, messages: list[str]
) -> None:
    caller = await api.user()
    for path in ("/api/v1/jobs", "/api/v1/users/me/ledger"):
        answer = await http.get(f"{path}?{query}", headers=caller.headers)
        assert answer.status_code == 400
        assert [fault["message"] for fault in answer.json()["errors"]] == messages


async def test_nul_is_refused_wherever_text_is_stored_or_sought(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    user = f"/api/v1/admin/users/{caller.account.id}"
    asked = [
        await http.post(
            "/api/v1/admin/users", json={"email": "n@example.com", "display_name": "a\0"}, headers=admin.headers
        ),
        await http.patch(user, json={"display_name": "a\0"}, headers=admin.headers),
        await http.post(f"{user}/credits", json={"amount": 1, "reason": "a\0"}, headers=admin.headers),
        await http.post("/api/v1/users/me/keys", json={"name": "a\0"}, headers=caller.headers),
        await http.get("/api/v1/admin/users?email=%00", headers=admin.headers),
        await http.get("/api/v1/jobs?model=%00", headers=caller.headers),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in asked] == [
        (400, f"{field} must not contain NUL")
        for field in ("Display name", "Display name", "Reason", "Name", "Email", "Model")
    ]

"""Limits on requests, in memory and in Redis alike, and with Redis away."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from picshapes_api.assembly import Surroundings
from picshapes_api.core.accounts import Role
from picshapes_api.core.rate_limits import Verdict, WindowState
from picshapes_api.services import Exposure
from picshapes_api.storage.rate_limiter import RateLimiter

from . import servers
from .conftest import RunningApi, serving


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@pytest.fixture(params=["memory", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    if request.param == "memory":
        return None
    server: servers.Redis = request.getfixturevalue("redis")
    return server.url


@pytest.fixture
def own_redis() -> Iterator[servers.Redis]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def surroundings(surroundings: Surroundings, redis_url: str | None) -> Surroundings:
    return replace(surroundings, redis_url=redis_url)


@pytest_asyncio.fixture
async def limiter(redis_url: str | None) -> AsyncIterator[RateLimiter]:
    made = RateLimiter(redis_url, CollectorRegistry(), time.monotonic)
    yield made
    await made.close()


async def test_61_posts_get_exactly_one_429(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=100)
    answers = [await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=caller.headers) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [201] * 60 + [429]
    refused = answers[-1]
    body = refused.json()
    assert (body["error"], body["code"]) == ("Rate limit exceeded", "RATE_LIMITED")
    assert 1 <= body["retry_after"] <= 60
    assert refused.headers["retry-after"] == str(body["retry_after"])
    assert refused.headers["ratelimit-remaining"] == "0"
    assert [answer.headers["ratelimit-remaining"] for answer in answers[:2]] == ["59", "58"]
    assert answers[0].headers["ratelimit-limit"] == "60"


async def test_limits_count_over_all_keys_of_a_user(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    path = f"/api/v1/admin/users/{caller.account.id}"
    await http.patch(path, json={"limit_per_minute": 2}, headers=admin.headers)
    made = await http.post("/api/v1/users/me/keys", headers=caller.headers)
    other_key = {"Authorization": f"Bearer {made.json()['api_key']}"}
    assert (await http.get("/api/v1/users/me", headers=other_key)).status_code == 200
    assert (await http.get("/api/v1/users/me", headers=other_key)).status_code == 429
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 429
    await http.patch(path, json={"limit_per_minute": 0}, headers=admin.headers)
    assert (await http.get("/api/v1/users/me", headers=caller.headers)).status_code == 200


async def test_a_429_comes_before_a_400_and_after_a_401(api: RunningApi, http: httpx.AsyncClient) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    path = f"/api/v1/admin/users/{caller.account.id}"
    await http.patch(path, json={"limit_per_minute": 1}, headers=admin.headers)
    first = await http.post("/api/v1/jobs", json={}, headers=caller.headers)
    assert (first.status_code, first.headers["ratelimit-remaining"]) == (400, "0")
    assert (await http.post("/api/v1/jobs", json={}, headers=caller.headers)).status_code == 429
    assert (await http.post("/api/v1/jobs", json={})).status_code == 401


async def test_the_day_counts_too_and_the_longer_wait_is_told(limiter: RateLimiter) -> None:
    who = f"user-{time.time_ns()}"
    assert (await limiter.hit(who, 5, 2)).retry_after_s is None
    assert (await limiter.hit(who, 5, 2)).retry_after_s is None
    refused = await limiter.hit(who, 5, 2)
    assert refused.retry_after_s is not None
    assert 86_300 < refused.retry_after_s <= 86_400
    assert refused.headers()["RateLimit-Limit"] == "2"


async def test_no_limits_no_headers(limiter: RateLimiter) -> None:
    for _ in range(100):
        assert (await limiter.hit("lifted", 0, 0)).headers() == {}


async def test_with_redis_away_requests_go_on_and_are_counted_in_memory(own_redis: servers.Redis) -> None:
    registry, now = CollectorRegistry(), [0.0]
    limiter = RateLimiter(own_redis.url, registry, lambda: now[0])
    try:
        assert (await limiter.hit("u", 2, 0)).retry_after_s is None
        own_redis.stop()
        assert [(await limiter.hit("u", 2, 0)).retry_after_s is None for _ in range(3)] == [True, True, False]
        assert registry.get_sample_value("picshapes_api_rate_limit_fallbacks_total") == 3
        own_redis.start()
        now[0] = 6.0
        assert (await limiter.hit("u", 2, 0)).retry_after_s is None
        assert registry.get_sample_value("picshapes_api_rate_limit_fallbacks_total") == 3
    finally:
        await limiter.close()


async def test_addresses_are_bounded_only_behind_a_trusted_proxy(
    surroundings: Surroundings, tmp_path: Path
) -> None:
    behind = replace(surroundings, exposure=Exposure(trusted_proxies=(ip_network("127.0.0.0/8"),)))
    one = {"X-Forwarded-For": f"6.6.6.6, 203.0.113.{time.time_ns() % 200}"}
    async with serving(behind, tmp_path) as api, httpx.AsyncClient(base_url=api.url) as http:
        codes = [(await http.get("/api/v1/tiers", headers=one)).status_code for _ in range(601)]
        assert codes == [200] * 600 + [429]
        assert (await http.post("/api/v1/jobs", headers=one)).status_code == 429
        other = {"X-Forwarded-For": "203.0.113.250"}
        assert (await http.get("/api/v1/tiers", headers=other)).status_code == 200
        assert (await http.get("/healthz", headers=one)).status_code == 200


def test_the_tightest_window_is_told() -> None:
    verdict = Verdict((WindowState(60, 30, 12.2), WindowState(1000, 3, 80_000.5)))
    assert verdict.headers() == {
        "RateLimit-Limit": "1000",
        "RateLimit-Remaining": "3",
        "RateLimit-Reset": "80001",
    }
    assert verdict.retry_after_s is None


def test_retry_after_is_the_longer_of_what_refused_and_at_least_1() -> None:
    minute, day = WindowState(60, 0, 0.01, refused=True), WindowState(1000, 0, 500.2, refused=True)
    assert Verdict((minute,)).retry_after_s == 1
    assert Verdict((minute, day)).retry_after_s == 501

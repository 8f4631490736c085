"""How a reflector goes on after every way in which a watch can end, in simulated time."""

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from picshapes_crds.cluster import (
    JOBS,
    Changed,
    ClusterError,
    Event,
    ExpiredError,
    Heard,
    Json,
    Kind,
    Listed,
    ObjectList,
    Reflector,
    Scope,
    UnavailableError,
)
from picshapes_crds.cluster.reflector import backoff_s

Step = Event | ClusterError


def seen(version: int) -> Json:
    return {"metadata": {"name": "a", "resourceVersion": str(version)}}


class ScriptedServer:
    """An API server that plays a script: each watch is a list of events that may end in an error."""

    def __init__(self, *watches: list[Step], lists: list[ClusterError | None] | None = None) -> None:
        self._watches = list(watches)
        self._lists = lists or []
        self.watched_from: list[str] = []
        self.listed = 0

    async def list_all(self, _: Kind, __: Scope, *, metadata_only: bool = False) -> ObjectList:
        assert not metadata_only
        fault = self._lists.pop(0) if self._lists else None
        if fault:
            raise fault
        self.listed += 1
        return ObjectList([seen(5)], str(5 * self.listed))

    async def watch(self, _: Kind, __: Scope, resource_version: str) -> AsyncIterator[Event]:
        self.watched_from.append(resource_version)
        for step in self._watches.pop(0):
            if isinstance(step, ClusterError):
                raise step
            yield step


class ManualClock:
    """A clock that only goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def start(server: ScriptedServer) -> tuple[Reflector, ManualClock]:
    clock = ManualClock()
    return Reflector(server, JOBS, Scope("n"), clock, random.Random(1)), clock  # type: ignore[arg-type]


async def take(reflector: Reflector, count: int) -> list[object]:
    observations = reflector.observations()
    taken: list[object] = [await anext(observations) for _ in range(count)]
    await observations.aclose()
    return taken


async def test_an_ended_watch_goes_on_from_the_last_version_without_a_list() -> None:
    server = ScriptedServer([Event("ADDED", seen(7))], [Event("BOOKMARK", seen(9))], [Event("MODIFIED", seen(10))])
    reflector, clock = start(server)
    assert await take(reflector, 4) == [Listed([seen(5)]), Changed(seen(7)), Heard(), Changed(seen(10))]
    assert server.watched_from == ["5", "7", "9"]
    assert server.listed == 1
    assert clock.slept == []
    assert reflector.restarts == 2


async def test_an_expired_version_lists_again_at_once() -> None:
    server = ScriptedServer([ExpiredError("too old", 410)], [Event("ADDED", seen(11))])
    reflector, clock = start(server)
    assert await take(reflector, 3) == [Listed([seen(5)]), Listed([seen(5)]), Changed(seen(11))]
    assert server.watched_from == ["5", "10"]
    assert clock.slept == []


async def test_a_broken_watch_waits_and_goes_on_from_the_last_version() -> None:
    broken = UnavailableError("reset")
    server = ScriptedServer([Event("ADDED", seen(7)), broken], [broken], [broken], [Event("ADDED", seen(8))])
    reflector, clock = start(server)
    assert await take(reflector, 3) == [Listed([seen(5)]), Changed(seen(7)), Changed(seen(8))]
    assert server.watched_from == ["5", "7", "7", "7"]
    assert len(clock.slept) == 3


async def test_an_api_server_that_is_away_at_the_start_is_awaited() -> None:
    server = ScriptedServer([], lists=[UnavailableError("refused"), UnavailableError("refused"), None])
    reflector, clock = start(server)
    assert await take(reflector, 1) == [Listed([seen(5)])]
    assert len(clock.slept) == 2


async def test_silence_is_measured_from_the_last_sign_of_life() -> None:
    server = ScriptedServer([Event("ADDED", seen(7)), UnavailableError("reset")], [Event("ADDED", seen(8))])
    reflector, clock = start(server)
    assert reflector.silent_s() is None
    observations = reflector.observations()
    await anext(observations)
    await clock.sleep(30)
    assert reflector.silent_s() == 30
    await anext(observations)
    assert reflector.silent_s() == 0
    await observations.aclose()


@pytest.mark.parametrize(("failures", "least", "most"), [(0, 0.1, 0.2), (3, 0.8, 1.6), (50, 5.0, 10.0)])
def test_the_wait_doubles_up_to_ten_seconds_with_jitter(failures: int, least: float, most: float) -> None:
    draw: Callable[[], float] = lambda: backoff_s(failures, random.Random())  # noqa: E731 - one line says it
    assert all(least <= draw() <= most for _ in range(100))

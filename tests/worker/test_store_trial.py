"""A worker tries its store before it is Ready, and says what to do about one that can't be written."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from tests.worker.memory import HandClock

from picshapes_cli.objectstore.server import ObjectStore
from picshapes_worker.metrics import Metrics
from picshapes_worker.preparing import Preparing
from picshapes_worker.startup import StartupError
from picshapes_worker.store import PictureStore
from picshapes_worker.store_trial import StoreTrial
from picshapes_worker.vitals import Budgets, Vitals


def entries(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


@dataclass
class Tried:
    """A trial's surroundings: the clock that its waits move, what the Lease was told."""

    clock: HandClock
    told: list[str] = field(default_factory=list)

    async def of(self, store: PictureStore) -> None:
        vitals = Vitals(self.clock, Budgets(1800, 300))
        preparing = Preparing(vitals, Metrics(CollectorRegistry()), self.told.append)
        await StoreTrial(store, "w", self.clock, random.Random(0)).run(preparing)
        assert vitals.stored


@pytest.fixture
def tried(clock: HandClock) -> Tried:
    return Tried(clock)


class LateStore(PictureStore):
    """A local store of which so many writes fail, as the one planted does."""

    def __init__(self, folder: Path, failing: int, plant: Callable[[], Exception]) -> None:
        super().__init__(folder.as_uri())
        self._failing, self._plant = failing, plant

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        if self._failing:
            self._failing -= 1
            raise self._plant()
        await super().put(key, content, content_type)


async def test_a_store_that_takes_an_object_passes_and_keeps_nothing(tried: Tried, tmp_path: Path) -> None:
    await tried.of(PictureStore(tmp_path.as_uri()))

    assert entries(tmp_path) == []
    assert tried.told == [""]


async def test_a_store_that_comes_up_later_is_waited_for_and_the_lease_says_so(
    tried: Tried, tmp_path: Path
) -> None:
    await tried.of(LateStore(tmp_path, 5, lambda: ConnectionRefusedError("no one listens")))

    url = tmp_path.as_uri()
    said = f"the store {url} can't be written: no one listens; check that it runs, that PICSHAPES_STORAGE_URL"
    assert [one.startswith(said) for one in tried.told] == [True] * 5 + [False]
    assert tried.clock.passed_s > 2


async def test_a_store_that_stays_away_ends_the_worker_in_bounded_time(tried: Tried, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="can't be written: no one listens; check that it runs"):
        await tried.of(LateStore(tmp_path, 10_000, lambda: ConnectionRefusedError("no one listens")))

    assert 250 < tried.clock.passed_s <= 300


async def test_a_store_that_refuses_is_given_less_time(tried: Tried, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="has no such bucket: create it, or correct PICSHAPES_STORAGE_URL"):
        await tried.of(LateStore(tmp_path, 10_000, lambda: FileNotFoundError("not found")))

    assert 30 < tried.clock.passed_s <= 60


async def test_a_bucket_that_is_made_a_moment_later_is_no_fault(tried: Tried, tmp_path: Path) -> None:
    await tried.of(LateStore(tmp_path, 3, lambda: FileNotFoundError("not found")))

    assert tried.told[-1] == ""


class KeepingStore(PictureStore):
    """A store that lets nobody delete."""

    async def delete(self, key: str) -> None:
        raise PermissionError(f"{key} is kept")


async def test_a_store_that_lets_nothing_be_deleted_passes_with_a_warning(tried: Tried, tmp_path: Path) -> None:
    with capture_logs() as lines:
        await tried.of(KeepingStore(tmp_path.as_uri()))

    assert [(line["event"], line["key"]) for line in lines] == [("store.undeletable", "worker-trials/w.txt")]


@asynccontextmanager
async def asked_as(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, url: str, **other: str
) -> AsyncIterator[PictureStore]:
    for name, value in (s3.environment | other).items():
        monkeypatch.setenv(name, value)
    yield PictureStore(url)


@pytest.mark.parametrize(
    ("url", "other", "sentence"),
    [
        ("s3://nowhere", {}, "the store s3://nowhere has no such bucket: create it, or correct"),
        (
            "s3://pictures",
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "refuses this worker's writes: give its credentials the right to put objects",
        ),
    ],
)
async def test_a_real_s3_server_that_refuses_is_explained(
    tried: Tried, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, url: str, other: dict[str, str], sentence: str
) -> None:
    async with asked_as(s3, monkeypatch, url, **other) as store:
        with pytest.raises(StartupError, match=sentence):
            await tried.of(store)


async def test_a_real_s3_server_passes_and_keeps_nothing(
    tried: Tried, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked_as(s3, monkeypatch, f"{s3.url}/trial") as store:
        await tried.of(store)

    assert "trial" not in entries(s3.folder)
    assert tried.told == [""]

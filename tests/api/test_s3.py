"""Pictures on a real S3 server: what a worker stores there, the API serves, leads to and removes."""

import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio
from tests.eventually import eventually

from picshapes_api.assembly import Surroundings
from picshapes_api.core.retention import Retention
from picshapes_api.pictures import InvalidStorageUrlError, PictureStore
from picshapes_cli.objectstore.server import ObjectStore
from picshapes_worker.store import InvalidStorageUrlError as WorkersInvalidStorageUrlError
from picshapes_worker.store import PictureStore as WorkersStore

from .conftest import RunningApi, serving
from .test_retention import EXPIRED, ShiftedClock, settled
from .test_spine import complete_with, poll, submit

PICTURE = os.urandom(2_500_000)
"""Of more than two chunks."""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@pytest.fixture
def place(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A part of the bucket that is this test's own, with the environment that leads to the server."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return f"{s3.url}/{uuid.uuid4().hex}"


@pytest.fixture
def folder(s3: ObjectStore, place: str) -> Path:
    """Where the test's objects lie as files."""
    return s3.folder / place.rpartition("/")[2]


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def around(surroundings: Surroundings, place: str, clock: ShiftedClock) -> Surroundings:
    pictures = PictureStore(place)
    return replace(surroundings, pictures=pictures, retention=Retention(result_days=2, job_days=5), clock=clock)


@pytest_asyncio.fixture
async def api(around: Surroundings, folder: Path) -> AsyncIterator[RunningApi]:
    async with serving(around, folder) as running:
        yield running


@pytest_asyncio.fixture
async def http(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


@asynccontextmanager
async def client_of(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an API that is ready."""
    async with httpx.AsyncClient(base_url=api.url, timeout=60, trust_env=False) as client:
        await eventually(lambda: client.get("/readyz"), lambda answer: answer.status_code == 200, within_s=60)
        yield client


async def drawn(api: RunningApi, http: httpx.AsyncClient, place: str, picture: bytes) -> tuple[str, str]:
    """Run a job to its end, its picture stored by the worker's own code; return its id and the picture's URL."""
    job_id = (await submit(http, await api.user()))["id"]
    await WorkersStore(place).put(f"{job_id}/1.png", picture, "image/png")
    await complete_with(api, job_id, f"{job_id}/1.png", picture)
    return job_id, (await poll(http, job_id, "completed"))["result_url"]


async def test_what_a_worker_stored_is_served_whole_in_parts_and_by_its_etag(
    api: RunningApi, http: httpx.AsyncClient, place: str
) -> None:
    _, url = await drawn(api, http, place, PICTURE)
    etag = f'"{hashlib.sha256(PICTURE).hexdigest()}"'

    whole = await http.get(url)
    assert (whole.status_code, whole.headers["etag"], whole.headers["content-type"]) == (200, etag, "image/png")
    assert whole.content == PICTURE
    head = await http.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "2500000", b"")
    part = await http.get(url, headers={"Range": "bytes=1048570-2097160"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 1048570-2097160/2500000")
    assert part.content == PICTURE[1048570:2097161]
    assert (await http.get(url, headers={"Range": "bytes=-3"})).content == PICTURE[-3:]
    assert (await http.get(url, headers={"If-None-Match": etag})).status_code == 304
    assert (await http.get(url, headers={"Range": "bytes=2500000-"})).status_code == 416


async def test_with_a_public_endpoint_clients_are_led_to_an_address_that_the_store_accepts(
    around: Surroundings, s3: ObjectStore, place: str, folder: Path
) -> None:
    # The same server under another name, as clients know it.
    public = s3.endpoint.replace("127.0.0.1", "localhost")
    pictures = PictureStore(place, public)
    async with (
        serving(replace(around, pictures=pictures), folder) as api,
        client_of(api) as http,
    ):
        job_id, url = await drawn(api, http, place, b"picture")
        assert url == f"{api.url}/results/{job_id}.png"
        led = await http.get(url)
        assert (led.status_code, led.headers["cache-control"]) == (307, "no-store")
        assert led.headers["access-control-allow-origin"] == "*"
        assert led.headers["content-type"] == "text/plain; charset=utf-8"
        location = urlsplit(led.headers["location"])
        assert f"{location.scheme}://{location.netloc}" == public
        assert location.path == f"/pictures/{folder.name}/{job_id}/1.png"
        assert dict(parse_qsl(location.query))["X-Amz-Expires"] == "300"

        async with httpx.AsyncClient(trust_env=False) as stranger:
            found = await stranger.get(led.headers["location"])
            assert (found.status_code, found.content) == (200, b"picture")
            assert found.headers["content-type"] == "image/png"
            assert (await stranger.get(led.headers["location"].replace("/1.png", "/2.png"))).status_code == 403
            assert (await stranger.put(led.headers["location"], content=b"forged")).status_code == 403
        part = await http.get(url, headers={"Range": "bytes=2-4"}, follow_redirects=True)
        assert (part.status_code, part.content) == (206, b"ctu")
        head = await http.head(url, follow_redirects=True)
        assert (head.status_code, head.headers["content-length"]) == (200, "7")
        (folder / job_id / "1.png").unlink()
        gone = await http.get(url)
        assert (gone.status_code, gone.json()["code"]) == (404, "RESULT_EXPIRED")


async def test_after_its_days_a_picture_is_told_expired_and_removed_from_the_bucket(
    api: RunningApi, http: httpx.AsyncClient, place: str, clock: ShiftedClock
) -> None:
    job_id, url = await drawn(api, http, place, b"picture")
    await WorkersStore(place).put("notes.txt", b"not ours", "text/plain")
    await settled(api, job_id)
    await api.api.sweeper.step()
    assert (await http.get(url)).content == b"picture"

    clock.days = 2
    assert (await http.get(url)).json() == EXPIRED
    await api.api.sweeper.step()
    assert not (api.storage / job_id / "1.png").exists()
    assert [path.name for path in api.storage.iterdir() if path.is_file()] == ["notes.txt"]
    again = await http.get(url)
    assert (again.status_code, again.json()) == (404, EXPIRED)


async def test_a_picture_that_goes_while_it_is_sent_is_no_whole_answer(
    api: RunningApi, http: httpx.AsyncClient, place: str
) -> None:
    job_id, url = await drawn(api, http, place, bytes(64 * 1024 * 1024))  # more than all buffers on the way hold
    async with http.stream("GET", url) as answer:
        assert answer.headers["content-length"] == str(64 * 1024 * 1024)
        chunks = answer.aiter_bytes()
        await anext(chunks)
        (api.storage / job_id / "1.png").unlink()
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            _ = [chunk async for chunk in chunks]
    assert (await http.get(url)).status_code == 404


async def test_a_bucket_that_is_missing_is_503_and_no_expired_picture(
    api: RunningApi, http: httpx.AsyncClient, s3: ObjectStore, place: str
) -> None:
    _, url = await drawn(api, http, place, b"picture")
    elsewhere = s3.folder.rename(s3.folder.with_name("elsewhere"))
    try:
        missing = await http.get(url)
        assert (missing.status_code, missing.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    finally:
        elsewhere.rename(s3.folder)
    assert (await http.get(url)).content == b"picture"


async def test_a_store_that_is_away_is_503_and_not_for_minutes(
    around: Surroundings, versitygw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        async with ObjectStore(tmp_path / "s3", versitygw, bucket="own") as own:
            for name, value in own.environment.items():
                monkeypatch.setenv(name, value)
            apart = replace(around, pictures=PictureStore(own.url))
            api = await stack.enter_async_context(serving(apart, own.folder))
            http = await stack.enter_async_context(client_of(api))
            _, url = await drawn(api, http, own.url, b"picture")
        away = await http.get(url)
        assert (away.status_code, away.json()["code"]) == (503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    ("url", "endpoint", "words"),
    [
        ("file:///tmp", "https://pictures.example.com", "this kind of store has no signed addresses"),
        ("s3://bucket", "pictures.example.com", "no http:// or https:// address"),
        ("gs://bucket", "https://pictures.example.com", "is https://storage.googleapis.com"),
    ],
)
def test_a_public_endpoint_that_can_not_be_is_refused_in_one_sentence(url: str, endpoint: str, words: str) -> None:
    with pytest.raises(InvalidStorageUrlError, match=words):
        PictureStore(url, endpoint)


def test_both_parts_refuse_plain_http_at_their_start_unless_it_is_allowed(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(InvalidStorageUrlError, match="AWS_ENDPOINT is plain http"):
        PictureStore(place)
    with pytest.raises(WorkersInvalidStorageUrlError, match="AWS_ENDPOINT is plain http"):
        WorkersStore(place)

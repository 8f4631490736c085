"""With a public endpoint of the store, pictures are led to by addresses that the store itself accepts."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from picshapes_api.assembly import Surroundings
from picshapes_api.pictures import InvalidStorageUrlError, PictureStore

from .conftest import RunningApi, eventually, serving
from .test_spine import complete, poll, submit

SECRET = "secret-access-key"  # noqa: S105 - of the stand-in below


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@dataclass
class Bucket:
    """A bucket of S3, as far as reading goes: it serves a folder to who signed for it.

    Signatures as in https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html.
    """

    folder: Path
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers and not self._is_signed(request):
            return web.Response(status=403)
        path = self.folder / request.path.removeprefix("/bucket/")
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    def _is_signed(self, request: web.Request) -> bool:
        query = dict(parse_qsl(request.query_string))
        given, date = query.pop("X-Amz-Signature", ""), query.get("X-Amz-Date", "")
        if not date:
            return False
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if signed_at + timedelta(seconds=int(query["X-Amz-Expires"])) < datetime.now(UTC):
            return False
        asked = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))
        canonical = f"{request.method}\n{request.path}\n{asked}\nhost:{request.host}\n\nhost\nUNSIGNED-PAYLOAD"
        scope = query["X-Amz-Credential"].partition("/")[2]
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"]:
            key = hmac.digest(key, part.encode(), "sha256")
        return key.hex() == given


@pytest_asyncio.fixture
async def bucket(tmp_path: Path) -> AsyncIterator[Bucket]:
    made = Bucket(tmp_path / "pictures")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def api(
    surroundings: Surroundings, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningApi]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "access-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT": bucket.url,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    # The same server under another name, as clients know it.
    public = bucket.url.replace("127.0.0.1", "localhost")
    pictures = PictureStore("s3://bucket", public)
    async with serving(replace(surroundings, pictures=pictures), tmp_path / "pictures") as running:
        yield running


async def test_a_picture_is_led_to_by_a_signed_address_that_the_store_accepts(
    api: RunningApi, bucket: Bucket
) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=30) as http:
        await eventually(lambda: http.get("/readyz"), lambda answer: answer.status_code == 200)
        job_id = (await submit(http, await api.user()))["id"]
        await complete(api, job_id, job_id, b"picture")
        url = (await poll(http, job_id, "completed"))["result_url"]
        assert url == f"{api.url}/results/{job_id}.png"
        led = await http.get(url)
        assert (led.status_code, led.headers["cache-control"]) == (307, "no-store")
        assert led.headers["access-control-allow-origin"] == "*"
        location = urlsplit(led.headers["location"])
        assert f"{location.scheme}://{location.netloc}" == bucket.url.replace("127.0.0.1", "localhost")
        assert location.path == f"/bucket/{job_id}/1.png"
        assert dict(parse_qsl(location.query))["X-Amz-Expires"] == "300"
        part = await http.get(url, headers={"Range": "bytes=2-4"}, follow_redirects=True)
        assert (part.status_code, part.content) == (206, b"ctu")
        head = await http.head(url, follow_redirects=True)
        assert (head.status_code, head.headers["content-length"]) == (200, "7")
        assert (await http.get(led.headers["location"].replace("/1.png", "/2.png"))).status_code == 403
        (api.storage / job_id / "1.png").unlink()
        gone = await http.get(url)
        assert (gone.status_code, gone.json()["code"]) == (404, "RESULT_EXPIRED")


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

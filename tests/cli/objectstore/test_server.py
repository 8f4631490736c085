"""The real S3 server: it serves whom it gave keys, keeps what it stored, and leaves no process."""

from pathlib import Path

import httpx
import obstore
import psutil
import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store

from picshapes_cli.objectstore.server import ObjectStore, ObjectStoreError


def client_of(server: ObjectStore, secret_key: str | None = None) -> S3Store:
    return S3Store(
        server.bucket,
        endpoint=server.endpoint,
        access_key_id=server.keys.access_key,
        secret_access_key=secret_key or server.keys.secret_key,
        client_options={"allow_http": True},
    )


async def test_an_object_is_a_file_that_outlives_the_server_and_no_process_does(
    versitygw: Path, tmp_path: Path
) -> None:
    async with ObjectStore(tmp_path / "s3", versitygw, bucket="pictures") as server:
        await obstore.put_async(client_of(server), "uid/1.png", b"picture")
        process = psutil.Process(server._children._children[0].pid)
        assert process.name() == "versitygw"
        assert server.keys.secret_key not in " ".join(process.cmdline())
    assert not process.is_running()
    assert (tmp_path / "s3" / "buckets" / "pictures" / "uid" / "1.png").read_bytes() == b"picture"

    async with ObjectStore(tmp_path / "s3", versitygw, bucket="pictures") as again:
        found = await obstore.get_async(client_of(again), "uid/1.png")
        assert bytes(await found.bytes_async()) == b"picture"


async def test_who_has_no_key_or_a_wrong_one_gets_nothing(s3: ObjectStore) -> None:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(f"{s3.endpoint}/{s3.bucket}")).status_code == 403
    with pytest.raises(PermissionDeniedError):
        await obstore.put_async(client_of(s3, "not the key"), "uid/1.png", b"picture")


async def test_a_program_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "versitygw"
    broken.write_text("#!/bin/sh\necho no such file system\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(ObjectStoreError, match=r"(?s)ended with status 3.*no such file system"):
        await ObjectStore(tmp_path / "s3", broken, bucket="pictures").__aenter__()

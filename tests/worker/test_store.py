"""Pictures lie in a store named by a URL."""

import os
from pathlib import Path

import pytest

from picshapes_worker.store import STORE_FAULTS, InvalidStorageUrlError, PictureStore


def entries(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def test_a_local_folder_is_made_and_objects_are_its_files(tmp_path: Path) -> None:
    store = PictureStore((tmp_path / "new pictures").as_uri())
    await store.put("uid/1.png", b"small", "image/png")
    large = os.urandom(200_000)
    await store.put("uid/2.png", large, "image/png")

    assert (tmp_path / "new pictures" / "uid" / "1.png").read_bytes() == b"small"
    assert (tmp_path / "new pictures" / "uid" / "2.png").read_bytes() == large


async def test_the_same_key_is_replaced(tmp_path: Path) -> None:
    store = PictureStore(tmp_path.as_uri())
    await store.put("uid/1.png", b"old", "image/png")
    await store.put("uid/1.png", b"new", "image/png")

    assert (tmp_path / "uid" / "1.png").read_bytes() == b"new"


async def test_a_deleted_object_leaves_nothing_and_may_be_deleted_again(tmp_path: Path) -> None:
    store = PictureStore(tmp_path.as_uri())
    await store.put("uid/1.png", b"x", "image/png")
    await store.delete("uid/1.png")
    await store.delete("uid/1.png")

    assert entries(tmp_path) == []


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_store_that_cannot_be_written_raises_a_store_fault(tmp_path: Path, size: int) -> None:
    store = PictureStore(tmp_path.as_uri())
    await store.put("uid", b"a file where the folder should be", "image/png")

    with pytest.raises(STORE_FAULTS):
        await store.put("uid/1.png", b"x" * size, "image/png")


def test_an_objects_address_is_the_stores_and_the_key() -> None:
    assert PictureStore("s3://bucket/prefix/").url_of("uid/1.png") == "s3://bucket/prefix/uid/1.png"


@pytest.mark.parametrize("url", ["ftp://pictures", "pictures", ""])
def test_an_unknown_kind_of_store_is_named(url: str) -> None:
    with pytest.raises(InvalidStorageUrlError, match="can't use the storage URL"):
        PictureStore(url)

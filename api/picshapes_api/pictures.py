"""Reading stored pictures out of the object store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

CHUNK_BYTES: Final = 256 * 1024


class InvalidStorageUrlError(ValueError):
    """The URL names no object store."""


class PictureGoneError(Exception):
    """The store has no such object."""


class StorageUnavailableError(Exception):
    """The store can't be reached."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class PictureStore:
    """The object store, read only."""

    def __init__(self, url: str) -> None:
        try:
            self._store: ObjectStore = from_url(url, mkdir=True) if url.startswith("file:") else from_url(url)
        except (BaseError, ValueError) as error:
            # The message may hold credentials out of the URL.
            raise InvalidStorageUrlError(f"PICSHAPES_STORAGE_URL can't be used: {type(error).__name__}") from error

    async def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except FileNotFoundError as error:
            raise PictureGoneError(key) from error
        except (BaseError, OSError) as error:
            raise StorageUnavailableError(str(error)) from error

    async def read(self, key: str, part: ByteRange) -> AsyncIterator[bytes]:
        """Yield the bytes of an object in chunks."""
        try:
            found = await obstore.get_async(self._store, key, options={"range": (part.start, part.end)})
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except FileNotFoundError as error:
            raise PictureGoneError(key) from error
        except (BaseError, OSError) as error:
            raise StorageUnavailableError(str(error)) from error

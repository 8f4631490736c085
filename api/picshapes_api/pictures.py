"""Stored pictures: reading them, addressing them for others to read, removing old ones."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError, PermissionDeniedError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from picshapes_crds.storage import refused_endpoint

if TYPE_CHECKING:
    from obstore.store import RetryConfig

CHUNK_BYTES: Final = 1024 * 1024
"""A picture is read in requests of this size: none stays open for as long as a slow client takes."""
PAGE: Final = 1000
"""Objects that are listed, and removed, at once."""
SIGNED_S: Final = 300
"""A signed address is good for so long; a download that has begun goes on."""
RETRIES: Final["RetryConfig"] = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
"""Somebody waits for the answer: by default a store that is away would be asked for minutes."""
GOOGLE: Final = "https://storage.googleapis.com"

SigningStore = S3Store | GCSStore | AzureStore

_FAULTS: Final = (BaseError, OSError)

log = structlog.get_logger(__name__)


def _reason(fault: Exception) -> str:
    """Return what a log should say of a fault; what obstore adds from its second line on is for its developers."""
    return str(fault).partition("\n")[0]


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
    """The object store; `public_endpoint` is where clients reach it themselves, if they may."""

    def __init__(self, url: str, public_endpoint: str | None = None) -> None:
        self._public: SigningStore | None = None
        if refusal := refused_endpoint(url, os.environ):
            raise InvalidStorageUrlError(f"PICSHAPES_STORAGE_URL can't be used: {refusal}")
        try:
            local = url.startswith("file:")
            self._store: ObjectStore = (
                LocalStore.from_url(url, mkdir=True, automatic_cleanup=True)
                if local
                else from_url(url, retry_config=RETRIES)
            )
            if public_endpoint is not None:
                self._public = _public_store(self._store, url, public_endpoint)
        except (BaseError, ValueError) as error:
            if isinstance(error, InvalidStorageUrlError):
                raise
            # The message may hold credentials out of the URL.
            raise InvalidStorageUrlError(f"PICSHAPES_STORAGE_URL can't be used: {type(error).__name__}") from error

    @property
    def is_public(self) -> bool:
        """Whether clients reach the store themselves, so that it need not be read for them."""
        return self._public is not None

    async def signed_url(self, key: str, method: Literal["GET", "HEAD"]) -> str:
        """Return an address of the object that needs no credentials, for one method and a short time."""
        if self._public is None:
            raise RuntimeError("the store has no public endpoint")
        try:
            return await obstore.sign_async(self._public, method, key, expires_in=timedelta(seconds=SIGNED_S))
        except _FAULTS as error:
            raise StorageUnavailableError(_reason(error)) from error

    async def stored_before(self, moment: datetime) -> AsyncIterator[list[str]]:
        """Yield the keys of objects stored before this time, in pages."""
        try:
            async for page in obstore.list(self._store, chunk_size=PAGE):
                yield [one["path"] for one in page if one["last_modified"] < moment]
        except _FAULTS as error:
            raise StorageUnavailableError(_reason(error)) from error

    async def remove(self, keys: list[str]) -> None:
        """Delete objects; one that is gone already is no error, but may leave others for the next time."""
        try:
            await obstore.delete_async(self._store, keys)
        except FileNotFoundError:
            return
        except _FAULTS as error:
            raise StorageUnavailableError(_reason(error)) from error

    async def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        try:
            return int((await obstore.head_async(self._store, key))["size"])
        except FileNotFoundError as error:
            raise await self._absence(key) from error
        except _FAULTS as error:
            raise StorageUnavailableError(_reason(error)) from error

    async def read(self, key: str, part: ByteRange) -> AsyncIterator[bytes]:
        """Yield the bytes of an object in chunks."""
        try:
            for start in range(part.start, part.end, CHUNK_BYTES):
                end = min(start + CHUNK_BYTES, part.end)
                yield bytes(await obstore.get_range_async(self._store, key, start=start, end=end))
        except FileNotFoundError as error:
            raise await self._absence(key) from error
        except _FAULTS as error:
            raise StorageUnavailableError(_reason(error)) from error

    async def _absence(self, key: str) -> PictureGoneError | StorageUnavailableError:
        """Tell a missing object from a missing bucket, which a HEAD answers alike."""
        try:
            async for _ in obstore.list(self._store, prefix=key, chunk_size=1):
                break
        except PermissionDeniedError:
            log.debug("storage.may_not_list", key=key)  # then nothing more can be told
        except _FAULTS as error:
            return StorageUnavailableError(_reason(error))
        return PictureGoneError(key)


def _public_store(store: ObjectStore, url: str, endpoint: str) -> SigningStore:
    """Return the store as clients reach it, good for signing only."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise InvalidStorageUrlError("PICSHAPES_STORAGE_PUBLIC_ENDPOINT is no http:// or https:// address")
    if isinstance(store, GCSStore):
        if endpoint.rstrip("/") != GOOGLE:
            raise InvalidStorageUrlError(f"PICSHAPES_STORAGE_PUBLIC_ENDPOINT of Google Cloud Storage is {GOOGLE}")
        return store
    if isinstance(store, S3Store):
        return S3Store.from_url(url, endpoint=endpoint.rstrip("/"))
    if isinstance(store, AzureStore):
        return AzureStore.from_url(url, endpoint=endpoint.rstrip("/"))
    raise InvalidStorageUrlError("PICSHAPES_STORAGE_PUBLIC_ENDPOINT: this kind of store has no signed addresses")

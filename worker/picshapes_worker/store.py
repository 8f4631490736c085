"""The object store, over `obstore`: a local folder, S3, Google Cloud Storage or Azure by one URL."""

import os
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from picshapes_crds.storage import refused_endpoint

SMALL_BYTES: Final = 64 * 1024
"""A file of up to this size is written to a local folder in less time than handing it to a thread takes."""

STORE_FAULTS: Final = (BaseError, OSError)


def reason_of(fault: Exception) -> str:
    """Return what a log should say of a fault; what obstore adds from its second line on is for its developers."""
    return str(fault).partition("\n")[0]


class InvalidStorageUrlError(ValueError):
    """The storage URL names no store that PicShapes knows."""


class PictureStore:
    """Where pictures are put. Its methods raise `STORE_FAULTS`."""

    def __init__(self, url: str) -> None:
        """Open the store at `url`; raises `InvalidStorageUrlError`. A local folder is created."""
        self.url = url.rstrip("/")
        if refusal := refused_endpoint(url, os.environ):
            raise InvalidStorageUrlError(f"can't use the storage URL {url}: {refusal}")
        try:
            local = url.startswith("file:")
            self._store = (
                LocalStore.from_url(url, mkdir=True, automatic_cleanup=True)
                if local
                else from_url(
                    url, retry_config={"max_retries": 0}
                )  # who calls tries again, for as long as is right
            )
        except (*STORE_FAULTS, ValueError) as error:
            raise InvalidStorageUrlError(f"can't use the storage URL {url}: {reason_of(error)}") from error

    def url_of(self, key: str) -> str:
        """Return the object's address in the store itself."""
        return f"{self.url}/{key}"

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store an object, whole or not at all, replacing one of the same key."""
        if not isinstance(self._store, LocalStore):
            await obstore.put_async(self._store, key, content, attributes={"Content-Type": content_type})
        elif len(content) <= SMALL_BYTES:
            obstore.put(self._store, key, content)
        else:
            await obstore.put_async(self._store, key, content)

    async def delete(self, key: str) -> None:
        """Delete an object; one that isn't there is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return

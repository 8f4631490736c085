"""What serves one API process only says so at start, by a lock that is held as long as the process lives.

SQLite does: the lock lies beside the file. Rate limits that are counted in memory do: without Redis, the lock is
one of PostgreSQL's. Either is let go of however the process ends.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg  # type: ignore[import-untyped] # ships no types

from picshapes_api.storage.database import AWAY, DatabaseUnavailableError
from picshapes_api.storage.url import DatabaseUrl

COUNTER_KEY: Final = 0x7069_6373_6C69_6D69
"""Any number that no other program locks in this database: the letters of `picslimi`."""
HANDOVER_S: Final = 30
"""The process before this one may need so long to end."""


class DatabaseInUseError(OSError):
    """Another API process has this database alone, or the folder of an SQLite file can't be written."""


@contextmanager
def sole_user(sqlite_path: str) -> Iterator[None]:
    """Hold the file alone; the kernel lets go of the lock however the process ends."""
    if sqlite_path == ":memory:":
        yield
        return
    path = Path(f"{sqlite_path}.lock")
    try:
        # Not a symbolic link someone else put there, and readable by this user only, as the database should be.
        with open(path, "a", opener=_private) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DatabaseInUseError(
                    f"another API process uses {sqlite_path}: SQLite serves one; use PostgreSQL for more"
                ) from error
            yield
    except OSError as error:
        if isinstance(error, DatabaseInUseError) or error.filename != str(path):
            raise
        raise DatabaseInUseError(f"can't write beside {sqlite_path}: {error.strerror}") from error


@asynccontextmanager
async def sole_counter(url: DatabaseUrl) -> AsyncIterator[None]:
    """Be the only process that counts requests in memory; waits a while for the one before to end."""
    try:
        lock = await asyncpg.connect(**url.server)
    except AWAY as error:
        raise DatabaseUnavailableError(f"can't open the database: {error}") from error
    try:
        await lock.execute(f"SET lock_timeout = '{HANDOVER_S}s'")
        try:
            await lock.execute("SELECT pg_advisory_lock($1)", COUNTER_KEY)
        except asyncpg.LockNotAvailableError as error:
            raise DatabaseInUseError(
                "another API process uses this database, and without REDIS_URL each counts its rate limits alone:"
                " set REDIS_URL for more than one"
            ) from error
        yield
    finally:
        await lock.close(timeout=5)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

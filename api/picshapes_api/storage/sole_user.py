"""SQLite serves one API process: a lock beside the file, held as long as the process lives, says so at start."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DatabaseInUseError(OSError):
    """Another API process has this SQLite file, or the file's folder can't be written."""


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


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

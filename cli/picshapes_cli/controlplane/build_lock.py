"""One build of the same programs at a time on a machine: a file lock that ends with its holder."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from picshapes_cli.controlplane.errors import BuildLockError
from picshapes_cli.controlplane.progress import BuildProgress, Phase, Progress

LOCK_TIMEOUT_S = 3600.0  # as long as a build may take
RETRY_INTERVAL_S = 0.5


@contextmanager
def build_lock(path: Path, progress: Progress, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock file `path`. Raises BuildLockError when another process keeps it beyond `timeout_s`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        deadline_s = time.monotonic() + timeout_s
        while not _try_lock(lock):
            if time.monotonic() >= deadline_s:
                raise BuildLockError(
                    f"Another process has been building what is missing for {timeout_s:g} s. Wait for it or"
                    f" stop it (it holds {path}), then start again."
                )
            message = "waiting for another process that builds the same"
            progress(BuildProgress(Phase.WAITING, message))
            # There is no lock call with a time limit: ask again now and then.
            threading.Event().wait(RETRY_INTERVAL_S)
        yield  # closing the file gives the lock back


def _try_lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

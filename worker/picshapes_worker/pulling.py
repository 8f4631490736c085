"""Brings a model from a hub into a folder: several files at once, each resumed, checked, and then listed.

A folder with a list of checksums is whole and needs no hub: a volume that was filled elsewhere works offline, and
several workers may share one.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from picshapes_crds.catalogue import Weights
from picshapes_worker.checksums import LIST_FILE, git_blob_of, sha256_of, write_list
from picshapes_worker.hub import Hub, HubFetchError, HubFile

AT_ONCE: Final = 4
TRIES: Final = 3
"""Of each file: one that arrives corrupt, or not at all, is asked for again."""
REVISION_DIGITS: Final = 12
GIB: Final = 2**30


@dataclass(frozen=True)
class Arrived:
    """How much of a model has arrived."""

    model: str
    done_bytes: int
    all_bytes: int

    @property
    def percent(self) -> int:
        """Whole per cent, rounded down."""
        return 100 * self.done_bytes // max(1, self.all_bytes)


Tell = Callable[[Arrived], None]


def folder_of(root: Path, model: str, weights: Weights) -> Path:
    """Return where a hub's model lies below a folder for all: each revision has its own."""
    return root / model / (weights.revision or "")[:REVISION_DIGITS]


def is_whole(folder: Path) -> bool:
    """Say whether everything has arrived there and was checked."""
    return (folder / LIST_FILE).is_file()


def pull(model: str, weights: Weights, root: Path, hub: Hub, tell: Tell) -> Path:
    """Bring a model's files, unless they are there; return their folder. Raises `HubFetchError`."""
    folder = folder_of(root, model, weights)
    if is_whole(folder):
        return folder
    repo, revision = weights.repo or "", weights.revision or ""
    files = hub.files(repo, revision)
    if not any(file.path == "model_index.json" for file in files):
        raise HubFetchError(f"{repo} at {revision} is no pipeline of diffusers: it has no model_index.json")
    _make_room(model, folder, files)
    meter = _Meter(model, files, tell)

    def bring(file: HubFile) -> tuple[str, str]:
        return file.path, _bring(hub, (repo, revision), file, folder, meter.add)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull") as pool:
        sums = dict(pool.map(bring, files))
    write_list(folder, sums)
    return folder


def _make_room(model: str, folder: Path, files: list[HubFile]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise HubFetchError(f"can't write to {folder}: {error.strerror}; mount a writable volume") from error
    missing = sum(one.size_bytes for one in files if not (folder / one.path).is_file())
    if missing > free:
        raise HubFetchError(
            f"{model} needs {missing / GIB:.1f} GiB more in {folder}, which has {free / GIB:.1f} GiB free: "
            "give it a larger disk"
        )


def _bring(hub: Hub, source: tuple[str, str], file: HubFile, folder: Path, arrived: Callable[[int], None]) -> str:
    """Bring one file and return its SHA-256, tried a few times."""
    fault = None
    for _ in range(TRIES):
        try:
            hub.download(*source, file, folder, arrived)
        except HubFetchError as error:
            fault = error
            continue
        digest = sha256_of(folder / file.path)
        if file.sha256 == digest or (file.sha256 is None and git_blob_of(folder / file.path) == file.git_blob):
            return digest
        (folder / file.path).unlink()
        fault = HubFetchError(
            f"{file.path} of {source[0]} arrived corrupt {TRIES} times: its SHA-256 is {digest}; "
            "look for a proxy or mirror that changes files"
        )
    raise fault or HubFetchError(f"{file.path} of {source[0]} was never asked for")


class _Meter:
    """Adds up what arrives in several threads; told at each whole per cent."""

    def __init__(self, model: str, files: list[HubFile], tell: Tell) -> None:
        self._model, self._tell = model, tell
        self._all = sum(one.size_bytes for one in files)
        self._done, self._told, self._lock = 0, -1, Lock()

    def add(self, count: int) -> None:
        """Count bytes."""
        with self._lock:
            self._done = min(self._done + count, self._all)
            now = Arrived(self._model, self._done, self._all)
            if now.percent > self._told:
                self._told = now.percent
                self._tell(now)

"""A model hub as `huggingface_hub` speaks to it, with errors that say what to do about them.

Downloads go on where they stopped. The hub's address, the token and offline mode are the library's own settings:
`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import huggingface_hub
from huggingface_hub import utils as hub_utils
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is passed on from its HTTP library
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from picshapes_worker.engine import ModelUnavailableError

Progress = Callable[[int], None]
"""Told how many bytes more have arrived; from several threads."""

WANTED: Final = (".json", ".safetensors", ".model", ".txt", ".jinja")
"""Files of a pipeline in diffusers' format; other frameworks' copies are left out."""

FAULTS: Final = (HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError, OSError)
"""What the library raises when a hub, the network or a disk fails: its errors of HTTP are of the first kind."""

_bar: Any = hub_utils.tqdm  # type: ignore[attr-defined] # exported lazily


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as the hub describes it."""

    path: str
    size_bytes: int
    sha256: str | None
    """Of large files only."""
    git_blob: str


class HubFetchError(ModelUnavailableError):
    """The hub did not give a model; the message says why, and what to do."""

    code = "HUB_FETCH_FAILED"


@dataclass(frozen=True)
class Hub:
    """The hub; without an endpoint, the one of the library's settings."""

    endpoint: str | None = None
    token: str | None = None

    def files(self, repo: str, revision: str) -> list[HubFile]:
        """Return the files that a pipeline needs, largest first; raises `HubFetchError`."""
        api = huggingface_hub.HfApi(endpoint=self._address(), token=self.token)
        try:
            found = list(api.list_repo_tree(repo, recursive=True, revision=revision))
        except FAULTS as error:
            raise self._explained(error, repo, revision) from error
        files = [
            HubFile(one.path, one.size, one.lfs.sha256 if one.lfs else None, one.blob_id)
            for one in found
            if isinstance(one, RepoFile) and is_wanted(one.path)
        ]
        return sorted(files, key=lambda one: (-one.size_bytes, one.path))

    def download(self, repo: str, revision: str, file: HubFile, folder: Path, arrived: Progress) -> None:
        """Bring one file into a folder, or go on with it; raises `HubFetchError`."""

        class CountingBar(_bar):  # type: ignore[misc] # the library's bar has no types
            """Counts, and shows nothing."""

            def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
                super().__init__(disable=True)
                arrived(initial)

            def update(self, n: float | None = 1) -> None:
                """Pass on how many bytes arrived."""
                arrived(int(n or 0))

        try:
            huggingface_hub.hf_hub_download(
                repo,
                file.path,
                revision=revision,
                local_dir=folder,
                endpoint=self._address(),
                token=self.token,
                tqdm_class=CountingBar,
            )
        except FAULTS as error:
            raise self._explained(error, repo, revision) from error

    def _explained(self, error: Exception, repo: str, revision: str) -> HubFetchError:
        """Say what went wrong, and what to do about it."""
        place = f"{self._address()}/{repo}"
        return HubFetchError(_sentence(error, place, revision, has_token=self._has_token()))

    def _address(self) -> str:
        return self.endpoint or huggingface_hub.constants.ENDPOINT

    def _has_token(self) -> bool:
        return bool(self.token or huggingface_hub.get_token())


def is_wanted(path: str) -> bool:
    """Say whether a pipeline needs a file: the index, and what lies in its parts' folders."""
    return path == "model_index.json" or ("/" in path and path.endswith(WANTED))


def _sentence(error: Exception, place: str, revision: str, *, has_token: bool) -> str:
    match error:
        case GatedRepoError() if has_token:
            return f"{place} is gated: accept its terms there with the account whose token is in HF_TOKEN"
        case GatedRepoError():
            return f"{place} is gated: accept its terms there, and give that account's token in HF_TOKEN"
        case RevisionNotFoundError():
            return f"{place} has no revision {revision}: correct the catalogue"
        case RepositoryNotFoundError() if has_token:
            return f"{place} does not exist, or the token in HF_TOKEN may not read it"
        case RepositoryNotFoundError():
            return f"{place} does not exist, or needs a token: give one in HF_TOKEN"
        case OfflineModeIsEnabled():
            return f"{place} is not there offline (HF_HUB_OFFLINE): fill the folder with `picshapes weights pull`"
        case OSError(errno=errno.ENOSPC):
            return f"the disk is full before all of {place} has arrived: give it more room"
        case HfHubHTTPError(response=answer) if answer is not None and answer.status_code in (401, 403):
            return f"{place} refuses the token in HF_TOKEN: give one that may read it"
        case _:
            said = str(error).strip().partition("\n")[0]
            return f"{place} can't be read: {said}; check HF_ENDPOINT, the proxy and the network, then start again"

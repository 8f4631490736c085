"""Weights come from a hub, whole or with a sentence that says what to do."""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.worker.small_hub import FILES, REPO, REVISION, SmallHub

from picshapes_crds.catalogue import Weights
from picshapes_worker.checksums import NoChecksumsError, verify
from picshapes_worker.hub import Hub, HubFetchError
from picshapes_worker.pulling import Arrived, is_whole, pull

WEIGHTS = Weights(repo=REPO, revision=REVISION)
LARGE = "transformer/model.safetensors"
TOKEN, OTHER_TOKEN = "hf_right", "hf_wrong"


@pytest.fixture
def server() -> Iterator[SmallHub]:
    with SmallHub() as hub:
        yield hub


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


def pulled(server: SmallHub, root: Path, token: str | None = None) -> list[Arrived]:
    told: list[Arrived] = []
    pull("small", WEIGHTS, root, Hub(server.url, token), told.append)
    return told


def test_what_a_pipeline_needs_arrives_with_its_checksums_and_nothing_else(
    server: SmallHub, tmp_path: Path
) -> None:
    told = pulled(server, tmp_path)
    folder = tmp_path / "small" / "0123456789ab"

    assert (folder / LARGE).read_bytes() == FILES[LARGE]
    assert not (folder / "README.md").exists()
    assert not (folder / "whole_model.safetensors").exists()
    assert verify(folder) == []
    assert f"{hashlib.sha256(FILES[LARGE]).hexdigest()}  {LARGE}\n" in (folder / "SHA256SUMS").read_text()
    assert (told[-1].percent, told[-1].all_bytes) == (100, 25_165_868)


def test_a_folder_that_is_whole_needs_no_hub(server: SmallHub, tmp_path: Path) -> None:
    pulled(server, tmp_path)
    asked = len(server.asked)
    pulled(server, tmp_path)

    assert len(server.asked) == asked


def test_a_download_that_breaks_goes_on_where_it_stopped(server: SmallHub, tmp_path: Path) -> None:
    server.cut[LARGE] = 1
    pulled(server, tmp_path)

    assert verify(tmp_path / "small" / "0123456789ab") == []
    ranges = [asked for method, path, asked in server.asked if method == "GET" and path.endswith(LARGE)]
    assert ranges == [None, "bytes=10485760-"]


def test_a_corrupt_file_is_asked_for_again(server: SmallHub, tmp_path: Path) -> None:
    server.corrupt = {LARGE: 2, "model_index.json": 1}
    pulled(server, tmp_path)

    assert verify(tmp_path / "small" / "0123456789ab") == []


def test_a_file_that_stays_corrupt_is_named_and_the_folder_is_not_whole(server: SmallHub, tmp_path: Path) -> None:
    server.corrupt = {LARGE: 99}
    with pytest.raises(HubFetchError, match=rf"{LARGE} of {REPO} arrived corrupt 3 times: .*; look for a proxy"):
        pulled(server, tmp_path)

    assert not is_whole(tmp_path / "small" / "0123456789ab")


def test_a_token_is_sent(server: SmallHub, tmp_path: Path) -> None:
    server.token = TOKEN
    with pytest.raises(HubFetchError, match="does not exist, or needs a token: give one in HF_TOKEN"):
        pulled(server, tmp_path)
    with pytest.raises(HubFetchError, match="the token in HF_TOKEN may not read it"):
        pulled(server, tmp_path, token=OTHER_TOKEN)

    pulled(server, tmp_path, token=TOKEN)
    assert is_whole(tmp_path / "small" / "0123456789ab")


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        ((403, "GatedRepo"), r"painters/small is gated: accept its terms there, and give that account's token"),
        ((404, "RepoNotFound"), "does not exist, or needs a token"),
        ((404, "RevisionNotFound"), "has no revision 0123456789abcdef0123456789abcdef01234567: correct the"),
        ((400, "Unheard"), "can't be read: .*check HF_ENDPOINT"),
    ],
)
def test_a_hub_that_refuses_is_explained(
    server: SmallHub, tmp_path: Path, refusal: tuple[int, str], sentence: str
) -> None:
    server.refusal = refusal
    with pytest.raises(HubFetchError, match=sentence) as caught:
        pulled(server, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_gated_model_with_a_token_asks_for_its_terms(server: SmallHub, tmp_path: Path) -> None:
    server.refusal = (403, "GatedRepo")
    with pytest.raises(HubFetchError, match="accept its terms there with the account whose token is in HF_TOKEN"):
        pulled(server, tmp_path, token=TOKEN)


def test_a_disk_that_is_too_small_is_told_before_anything_is_downloaded(
    server: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(HubFetchError, match=r"small needs 0\.0 GiB more in .*: give it a larger disk"):
        pulled(server, tmp_path)

    assert [method for method, path, _ in server.asked if "resolve" in path] == []


def test_a_folder_that_cannot_be_written_is_named(server: SmallHub, tmp_path: Path) -> None:
    (tmp_path / "small").write_text("a file where the folder should be")
    with pytest.raises(HubFetchError, match=r"can't write to .*small/0123456789ab: .*; mount a writable volume"):
        pulled(server, tmp_path)


def test_a_disk_that_fills_up_meanwhile_is_told_as_such(server: SmallHub) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    told = str(Hub(server.url)._explained(full, REPO, REVISION))

    assert told == f"the disk is full before all of {server.url}/{REPO} has arrived: give it more room"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd"])
def test_a_list_of_checksums_reaches_no_file_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(NoChecksumsError, match="lists no files of its own folder"):
        verify(tmp_path)

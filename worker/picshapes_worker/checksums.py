"""A folder of weights and its list of checksums, `SHA256SUMS`, in the form of sha256sum(1).

The list is written last, so a folder that has one is whole; `verify` reads every byte again.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

LIST_FILE: Final = "SHA256SUMS"
CHUNK_BYTES: Final = 4 * 2**20


class NoChecksumsError(Exception):
    """The folder has no list of checksums, or one that can't be read."""

    code = "NO_CHECKSUMS"


def sha256_of(file: Path) -> str:
    """Return a file's SHA-256, in hexadecimal; raises `OSError`."""
    with file.open("rb") as opened:
        digest = hashlib.sha256()
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()


def git_blob_of(file: Path) -> str:
    """Return the identifier that git gives to a small file's content; raises `OSError`."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def write_list(folder: Path, sums: Mapping[str, str]) -> None:
    """Write the list of a folder, whole or not at all; raises `OSError`."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    partial = folder / f"{LIST_FILE}.partial"
    partial.write_text(lines, encoding="utf-8")
    partial.replace(folder / LIST_FILE)


def read_list(folder: Path) -> dict[str, str]:
    """Return the checksums of a folder's files; raises `NoChecksumsError`."""
    try:
        lines = (folder / LIST_FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NoChecksumsError(f"{folder / LIST_FILE} can't be read: {error}") from error
    found = {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}
    outside = [name for name in found if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts]
    if outside or not found:
        raise NoChecksumsError(f"{folder / LIST_FILE} lists no files of its own folder")
    return found


def verify(folder: Path) -> list[str]:
    """Return what is wrong with a folder's files, one sentence each; raises `NoChecksumsError`."""
    wrong = []
    for name, digest in read_list(folder).items():
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            wrong.append(f"{name} can't be read: {error.strerror}")
        else:
            if found != digest:
                wrong.append(f"{name} is corrupt: its SHA-256 is {found}, not {digest}")
    return wrong

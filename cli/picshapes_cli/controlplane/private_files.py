"""Files that hold secrets: readable by their owner alone, and whole or absent at every moment."""

import os
import secrets
from pathlib import Path

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700


def make_private_folder(path: Path) -> None:
    """Make the folder, or take everyone else's access to it away when it is there."""
    path.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(PRIVATE_FOLDER_MODE)


def write_private_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step; at no time can another user read it."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # there only if it did not become the file

"""Files that are made from the types and kept in the repository: written anew, or held to be current."""

import sys
from collections.abc import Mapping
from pathlib import Path


def write_or_check(texts: Mapping[Path, str], command: str, *, check: bool) -> int:
    """Write the files that say something else; with `check` write none, and name them with the command that does.

    Returns the exit status: 1 when a check found one that isn't current.
    """
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        if stale:
            sys.stderr.write(f"not current: {', '.join(path.name for path in stale)}; run `{command}`\n")
        return int(bool(stale))
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    return 0

"""The log file of one child process: appended to by the child itself, kept small by its owner.

A child writes straight to the file, so nothing it says is lost when the owner dies and no line costs the
owner any time. `processes` opens the file at start and calls `bound` now and then.
"""

import os
from dataclasses import dataclass
from pathlib import Path

LOG_LIMIT_BYTES = 8 * 1024 * 1024
KEPT_BYTES = 1024 * 1024
TAIL_READ_BYTES = 64 * 1024


@dataclass(slots=True)
class ChildLog:
    """One child's log file, at most a little over `limit_bytes` long."""

    path: Path
    limit_bytes: int = LOG_LIMIT_BYTES
    start_offset_bytes: int = 0  # where this child's own output begins; before it is an earlier run's

    def open(self) -> int:
        """Open the file for appending and return the descriptor, for the child to write to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Appending matters: after `bound` cuts the file, the child's next write lands at its new end.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.bound()
        self.start_offset_bytes = os.fstat(descriptor).st_size
        return descriptor

    def bound(self) -> None:
        """Once the file is over its limit, cut it to its last part. Raises OSError.

        Lines written during the cut may be lost: the child shares the file and knows nothing of it.
        """
        if self.path.stat().st_size <= self.limit_bytes:
            return
        kept = self._read_end(min(KEPT_BYTES, self.limit_bytes // 2))
        os.truncate(self.path, 0)
        self.start_offset_bytes = 0
        with self.path.open("ab") as log:
            log.write(kept.partition(b"\n")[2])  # from the first whole line

    def tail(self, lines: int = 20) -> str:
        """Return the last lines that this child wrote, for an error message; empty when there are none."""
        own_bytes = max(self.path.stat().st_size - self.start_offset_bytes, 0)
        text = self._read_end(min(TAIL_READ_BYTES, own_bytes)).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _read_end(self, length_bytes: int) -> bytes:
        with self.path.open("rb") as log:
            size_bytes = log.seek(0, os.SEEK_END)
            log.seek(max(size_bytes - length_bytes, 0))
            return log.read(length_bytes)

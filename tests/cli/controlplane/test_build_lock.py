import subprocess
import sys
from pathlib import Path

import pytest

from picshapes_cli.controlplane.build_lock import build_lock
from picshapes_cli.controlplane.errors import BuildLockError

HOLDER = """
import sys
from pathlib import Path
from picshapes_cli.controlplane.build_lock import build_lock
with build_lock(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_builder_waits_says_so_and_gives_up_in_the_end(tmp_path: Path) -> None:
    messages: list[str] = []
    path = tmp_path / "v1.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with (
            pytest.raises(BuildLockError, match="Another process has been building"),
            build_lock(path, lambda event: messages.append(event.message), timeout_s=0.1),
        ):
            pass

        assert set(messages) == {"waiting for another process that builds the same"}
        holder.kill()

    with build_lock(
        path, lambda event: messages.append(event.message), timeout_s=0
    ):  # the lock ended with its holder
        pass

"""The disk of the store is full for a while: pictures wait for room, none is lost, cut short or left in pieces."""

import asyncio
import hashlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from tests.integration.faults.conftest import Install, install
from tests.integration.faults.installation import Installation

from picshapes_crds.phases import Phase

__all__ = ["install"]

SIZE: Final = "64k"
BLOCK: Final = b"x" * 4096
SEEN_WITHIN_S: Final = 120.0


class Disk:
    """The folder of the store, on a small disk of its own where this process may mount one."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self._folder, self._mounted = folder, mounted
        self._aside = folder.with_name("aside")

    @classmethod
    @contextmanager
    def at(cls, folder: Path) -> Iterator["Disk"]:
        """Mount it; where that is not allowed, being full is played by a folder that is none."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        mounted = subprocess.run(mount, capture_output=True, check=False, timeout=60).returncode == 0
        try:
            yield cls(folder, mounted=mounted)
        finally:
            if mounted:  # lazily: whoever still looks at it is stopped later
                subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=60)

    def fill(self) -> str:
        """Leave no room; return how the operating system will say so."""
        if not self._mounted:
            self._folder.rename(self._aside)
            self._folder.touch()
            return "Not a directory"
        try:
            with (self._folder / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(BLOCK)
        except OSError:
            return "No space left on device"

    def free(self) -> None:
        """Make room again."""
        if self._mounted:
            (self._folder / "filler").unlink()
        else:
            self._folder.unlink()
            self._aside.rename(self._folder)


@pytest_asyncio.fixture
async def parts(install: Install) -> AsyncIterator[Installation]:
    async with install("disk-full", 0.02) as started:
        yield started


async def _until_logged(parts: Installation, name: str, words: str) -> None:
    async with asyncio.timeout(SEEN_WITHIN_S):
        while True:
            if words in parts.layout.log(name).read_text(errors="replace"):
                return
            await asyncio.sleep(0.1)  # nothing else tells of it


@pytest.mark.timeout(600)
async def test_pictures_wait_for_room_on_a_full_disk(parts: Installation) -> None:
    with Disk.at(parts.layout.results) as disk:
        await parts.start_operator()
        await parts.start_api()
        await parts.start_worker("worker-0")
        first = await parts.submit()
        assert await parts.until_told(first) == {first: "completed"}
        words = disk.fill()
        waiting = [await parts.submit() for _ in range(3)]
        await _until_logged(parts, "worker-0", words)
        await parts.history.until(lambda: all(map(parts.history.lives.get, waiting)), "all are seen")
        assert Phase.COMPLETED not in {parts.history.now(job).phase for job in waiting}
        disk.free()
        assert await parts.until_told(*waiting) == dict.fromkeys(waiting, "completed")
        files = {path.relative_to(parts.layout.results): path for path in parts.layout.results.rglob("*.*")}
        results = [status.result for status in (await parts.history.until_ended(first, *waiting)).values()]
        assert sorted(map(str, files)) == sorted(one.key for one in results if one is not None)
        for one in results:
            assert one is not None
            content = files[Path(one.key)].read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (one.sha256, one.bytes)
        await parts.check_books()
        for name in ("worker-0", "api", "operator"):
            await parts.stop(name)

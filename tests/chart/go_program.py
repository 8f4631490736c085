"""Programs that the tests run: built from source once, as the project's own are, and kept in the user's cache."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from picshapes_cli.controlplane.binaries import cache_home
from picshapes_cli.controlplane.build_lock import build_lock
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.progress import StreamProgress
from picshapes_cli.controlplane.source_build import SourceBuild, build
from picshapes_cli.controlplane.versions import Version, parse_version


@dataclass(frozen=True)
class Pins:
    """The versions that a go.mod names."""

    go_mod: str

    def text(self, module: str) -> str:
        """Return a module's version as it stands there."""
        return self._found(rf"^\s*{re.escape(module)} (v\S+)", module)

    def version(self, module: str) -> Version:
        """Return a module's version as numbers."""
        return self._numbers(self.text(module))

    @property
    def go(self) -> Version:
        """The least Go release that can build it."""
        return self._numbers(self._found(r"^go (\S+)$", "go"))

    def _found(self, pattern: str, what: str) -> str:
        found = re.search(pattern, self.go_mod, re.MULTILINE)
        assert found, f"go.mod names no version of {what}"
        return found[1]

    def _numbers(self, text: str) -> Version:
        version = parse_version(text)
        assert version is not None, f"not a version: {text}"
        return version


@dataclass(frozen=True)
class GoProgram:
    """A program, the module that it is part of, and the folder of the go.mod and go.sum that pin all of it."""

    name: str
    module: str
    package: str
    folder: Path
    settings: Callable[[Pins], Mapping[str, str]]
    """Variables that the linker sets."""
    tags: tuple[str, ...] = ()


def ensure(program: GoProgram) -> Path:
    """Return the program's path, building it when it is missing (minutes, with progress on stderr)."""
    sources = {name: (program.folder / name).read_text() for name in ("go.mod", "go.sum")}
    pins = Pins(sources["go.mod"])
    release = pins.text(program.module)
    folder = cache_home(os.environ) / program.name / release
    path, progress = folder / program.name, StreamProgress()
    with build_lock(folder.with_name(f"{release}.lock"), progress):
        if not os.access(path, os.X_OK):
            settings = [f"-X {name}={value}" for name, value in program.settings(pins).items()]
            job = SourceBuild(
                sources=sources,
                packages={program.name: program.package},
                ldflags=" ".join(["-s -w", *settings]),
                scratch_dir=folder.with_name(f"{release}.build"),
                out_dir=folder,
                tags=program.tags,
            )
            build(job, find_go(os.environ, pins.go, program.name), os.environ, progress)
    return path

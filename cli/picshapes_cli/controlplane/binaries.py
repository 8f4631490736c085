"""Find etcd, kube-apiserver and kubectl, or build them once and keep them in the user's cache.

Order, for each program: KUBEBUILDER_ASSETS, PATH, the cache, a build from the packaged go.mod. A program of
a wrong version is passed over, with a note that says why.
"""

import importlib.resources
import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from picshapes_cli.controlplane.build_lock import build_lock
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.progress import BuildProgress, Phase, Progress, StreamProgress
from picshapes_cli.controlplane.source_build import SourceBuild, build
from picshapes_cli.controlplane.versions import (
    VERSION_ARGUMENTS,
    Tool,
    Version,
    objection,
    parse_version,
    read_pins,
)

VERSION_TIMEOUT_S = 30.0
PACKAGES = {
    Tool.ETCD: "go.etcd.io/etcd/server/v3",
    Tool.KUBE_APISERVER: "k8s.io/kubernetes/cmd/kube-apiserver",
    Tool.KUBECTL: "k8s.io/kubernetes/cmd/kubectl",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of a control plane. kubectl is for people and tests: nothing here runs it."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path | None = None


def ensure_binaries(
    progress: Progress | None = None, *, with_kubectl: bool = False, env: Mapping[str, str] | None = None
) -> Binaries:
    """Return the programs, building what is missing (minutes). Raises ControlPlaneError.

    Blocks. `env` stands for the process's environment. A missing kubectl is built only on request, or along
    with the others, since then it costs seconds. Two processes that both miss something build it once.
    """
    search = _Search(os.environ if env is None else env, StreamProgress() if progress is None else progress)
    wanted = set(Tool) if with_kubectl else {Tool.ETCD, Tool.KUBE_APISERVER}
    found = search.cached() | search.elsewhere(wanted)
    if not wanted <= found.keys():
        with build_lock(search.beside_cache(".lock"), search.progress):
            found = search.cached() | found  # others may have built them while this process waited
            if not wanted <= found.keys():
                _build(search, set(Tool) - found.keys())
                found = search.cached() | found
    return Binaries(found[Tool.ETCD], found[Tool.KUBE_APISERVER], found.get(Tool.KUBECTL))


def cache_dir(env: Mapping[str, str], kubernetes: Version) -> Path:
    """Return the folder that keeps what was built for a Kubernetes release."""
    return cache_home(env) / "control-plane" / str(kubernetes)


def cache_home(env: Mapping[str, str]) -> Path:
    """Return the user's folder for all that is kept from one run to the next."""
    xdg = env.get("XDG_CACHE_HOME", "")
    base = Path(xdg) if Path(xdg).is_absolute() else Path(env.get("HOME") or Path.home()) / ".cache"
    return base / "picshapes"


class _Search:
    """Looks for each program in the places that `env` names."""

    def __init__(self, env: Mapping[str, str], progress: Progress) -> None:
        self.env = env
        self.progress = progress
        self.sources = _packaged_sources()
        self.pins = read_pins(self.sources["go.mod"])
        self.cache_dir = cache_dir(env, self.pins.kubernetes)

    def cached(self) -> dict[Tool, Path]:
        """Return what earlier builds left: a program is there whole or not at all."""
        return {tool: path for tool in Tool if os.access(path := self.cache_dir / tool, os.X_OK)}

    def elsewhere(self, tools: Collection[Tool]) -> dict[Tool, Path]:
        """Return those of `tools` that the machine has, of a version that will do."""
        return {tool: path for tool in Tool if tool in tools and (path := self._place(tool))}

    def beside_cache(self, suffix: str) -> Path:
        """Return a path next to the cache folder, of the same name and a suffix."""
        return self.cache_dir.with_name(self.cache_dir.name + suffix)

    def _place(self, tool: Tool) -> Path | None:
        for folders in (self.env.get("KUBEBUILDER_ASSETS", ""), self.env.get("PATH", "")):
            path = shutil.which(tool, path=folders) if folders else None
            if path and self._accepts(tool, Path(path)):
                return Path(path).absolute()
        return None

    def _accepts(self, tool: Tool, path: Path) -> bool:
        version = _ask_version(tool, path)
        refusal = objection(tool, version, self.pins.kubernetes) if version else "it names no version"
        if refusal:
            message = f"not using {path} ({version or 'unknown version'}): {refusal}"
            self.progress(BuildProgress(Phase.NOTE, message))
        return refusal is None


def _build(search: _Search, tools: Collection[Tool]) -> None:
    release = search.pins.kubernetes
    version = "k8s.io/component-base/version"
    job = SourceBuild(
        sources=search.sources,
        packages={tool.value: PACKAGES[tool] for tool in Tool if tool in tools},
        ldflags=(
            f"-s -w -X {version}.gitVersion={release} -X {version}.gitMajor={release.major}"
            f" -X {version}.gitMinor={release.minor} -X k8s.io/client-go/pkg/version.gitVersion={release}"
        ),
        scratch_dir=search.beside_cache(".build"),
        out_dir=search.cache_dir,
    )
    message = f"building {job.names} from source, once: some minutes, kept in {job.out_dir}"
    search.progress(BuildProgress(Phase.NOTE, message))
    build(job, find_go(search.env, search.pins.go, "etcd and kube-apiserver"), search.env, search.progress)


def _packaged_sources() -> dict[str, str]:
    folder = importlib.resources.files("picshapes_cli.controlplane") / "build"
    return {name: (folder / name).read_text() for name in ("go.mod", "go.sum")}


def _ask_version(tool: Tool, path: Path) -> Version | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user's own PATH names
            [path, *VERSION_ARGUMENTS[tool]],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)

"""The helm that the tests run: built from source once, and kept in the user's cache by version."""

import os
import re
from pathlib import Path
from typing import Final

from picshapes_cli.controlplane.binaries import cache_home
from picshapes_cli.controlplane.build_lock import build_lock
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.progress import StreamProgress
from picshapes_cli.controlplane.source_build import SourceBuild, build
from picshapes_cli.controlplane.versions import parse_version

MODULE: Final = "helm.sh/helm/v3"
BUILD: Final = Path(__file__).parent / "helm_build"


def ensure_helm() -> Path:
    """Return helm, building it when it is missing (a minute or two, with progress on stderr)."""
    sources = {name: (BUILD / name).read_text() for name in ("go.mod", "go.sum")}
    release = _pinned(rf"^\s*{re.escape(MODULE)} (v\S+)", sources["go.mod"])
    kubernetes = parse_version(_pinned(r"^\s*k8s\.io/client-go (v\S+)", sources["go.mod"]))
    oldest = parse_version(_pinned(r"^go (\S+)$", sources["go.mod"]))
    assert kubernetes is not None
    assert oldest is not None
    folder = cache_home(os.environ) / "helm" / release
    program, progress = folder / "helm", StreamProgress()
    with build_lock(folder.with_name(f"{release}.lock"), progress):
        if not os.access(program, os.X_OK):
            # What helm believes the cluster to be where it asks none: `helm template` and `helm lint`.
            assumed = {
                f"{MODULE}/pkg/{package}.k8sVersion{part}": number
                for package in ("chartutil", "lint/rules")
                for part, number in (("Major", "1"), ("Minor", str(kubernetes.minor)))
            }
            settings = {f"{MODULE}/internal/version.version": release, **assumed}
            job = SourceBuild(
                sources=sources,
                packages={"helm": f"{MODULE}/cmd/helm"},
                ldflags=" ".join(["-s -w", *(f"-X {name}={value}" for name, value in settings.items())]),
                scratch_dir=folder.with_name(f"{release}.build"),
                out_dir=folder,
            )
            build(job, find_go(os.environ, oldest, "helm"), os.environ, progress)
    return program


def _pinned(pattern: str, go_mod: str) -> str:
    found = re.search(pattern, go_mod, re.MULTILINE)
    assert found, f"go.mod has nothing like {pattern}"
    return found[1]

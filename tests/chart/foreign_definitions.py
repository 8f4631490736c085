"""Definitions of others' resources that the chart makes objects of, as their makers publish them in Go modules."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picshapes_cli.controlplane.binaries import cache_home
from picshapes_cli.controlplane.go_toolchain import find_go
from picshapes_cli.controlplane.versions import Version

LIMIT_S: Final = 300.0
GO: Final = Version(1, 26, 0)


@dataclass(frozen=True)
class Module:
    """A release of a module, the checksum of its content as go.sum has it, and the files that are wanted of it."""

    release: str
    checksum: str
    files: tuple[str, ...]


MODULES: Final = (
    Module(
        "sigs.k8s.io/gateway-api@v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    ),
    Module(
        "github.com/prometheus-operator/prometheus-operator@v0.92.1",
        "h1:rHWuFo6SVya4FBSCNg2DCzyc4xAv54zk3eDTzp5mQZc=",
        tuple(
            f"example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml"
            for plural in ("podmonitors", "prometheusrules", "servicemonitors")
        ),
    ),
    Module(
        "github.com/kedacore/keda/v2@v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    ),
)


def foreign_definitions() -> list[Path]:
    """Return the files, downloading what is missing (seconds, about 10 MB, kept in the user's cache)."""
    go = find_go(os.environ, GO, "definitions of others")
    env = go.environment(os.environ) | {"GOMODCACHE": str(cache_home(os.environ) / "modules")}
    return [file for module in MODULES for file in _files(module, go.program, env)]


def _files(module: Module, go: Path, env: dict[str, str]) -> list[Path]:
    argv: list[str | Path] = [go, "mod", "download", "-modcacherw", "-json", module.release]
    # In the root folder no go.mod has a say.
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    downloaded = json.loads(done.stdout)
    assert downloaded["Sum"] == module.checksum, f"{module.release} is not the one that these tests were made with"
    return [Path(downloaded["Dir"]) / name for name in module.files]

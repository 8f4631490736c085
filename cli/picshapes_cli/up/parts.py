"""The parts as child processes: their commands, their environments and their readiness URLs. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picshapes_cli.processes import ChildSpec
from picshapes_cli.up.options import Layout, UpOptions

WORKER_GRACE_S: Final = 20.0
"""How long a running job may go on after Ctrl-C."""
KEPT: Final = (
    "PICSHAPES_LOG_LEVEL",
    "PICSHAPES_DEVICE",
    "PICSHAPES_VRAM_MIB",
    "PICSHAPES_MODELS",
    "PICSHAPES_NULL_STEP_S",
)
"""Settings of the parts that pass from the environment of `picshapes up` to its children."""


@dataclass(frozen=True)
class Part:
    """One part: how it is run, and where it says that it is ready."""

    spec: ChildSpec
    ready_url: str


@dataclass(frozen=True)
class Site:
    """What all parts share in one run of `picshapes up`."""

    options: UpOptions
    layout: Layout
    catalogue: str
    environment: Mapping[str, str]
    api_url: str

    def part(self, name: str, module: str, port: int, settings: Mapping[str, str]) -> Part:
        """Return a part that is run as `python -m module` and probed at `port`."""
        inherited = {
            key: value
            for key, value in self.environment.items()
            if not key.startswith("PICSHAPES_") or key in KEPT
        }
        own = {
            "PICSHAPES_NAMESPACE": self.options.namespace,
            "PICSHAPES_JOB_NAMESPACES": ",".join(self.options.job_namespaces),
            "PICSHAPES_CATALOGUE": self.catalogue,
            "PICSHAPES_LOG_FORMAT": "text",
            "PYTHONUNBUFFERED": "1",
            # PyTorch leaves its compiler's cache there, and a part that is killed what it had open.
            "TMPDIR": str(self.layout.temporary),
        }
        spec = ChildSpec(
            name=name,
            argv=[sys.executable, "-m", module],
            log_path=self.layout.log(name),
            env={**inherited, **own, **settings},
            stop_timeout_s=WORKER_GRACE_S + 10,
        )
        return Part(spec, f"http://127.0.0.1:{port}/readyz")

    @property
    def storage_url(self) -> str:
        """Where pictures go."""
        return self.options.storage_url or self.layout.results.as_uri()


def operator(site: Site, kubeconfig: Path, port: int) -> Part:
    """Return the operator."""
    settings = {"PICSHAPES_KUBECONFIG": str(kubeconfig), "PICSHAPES_PROBE_PORT": str(port)}
    return site.part("operator", "picshapes_operator", port, settings)


def api(site: Site, kubeconfig: Path, port: int) -> Part:
    """Return the API."""
    settings = {
        "PICSHAPES_KUBECONFIG": str(kubeconfig),
        "PICSHAPES_PORT": str(port),
        "PICSHAPES_STORAGE_URL": site.storage_url,
        "PICSHAPES_BOOTSTRAP_FILE": str(site.layout.keys),
        "DATABASE_URL": site.options.database_url or f"sqlite://{site.layout.database}",
    }
    if site.options.redis_url:
        settings["REDIS_URL"] = site.options.redis_url
    return site.part("api", "picshapes_api", port, settings)


def worker(site: Site, name: str, kubeconfig: Path, port: int) -> Part:
    """Return a worker; with several of them each gets its share of the processors."""
    settings = {
        "PICSHAPES_KUBECONFIG": str(kubeconfig),
        "PICSHAPES_PROBE_PORT": str(port),
        "PICSHAPES_POD_NAME": name,
        "PICSHAPES_ENGINE": site.options.engine,
        "PICSHAPES_STORAGE_URL": site.storage_url,
        "PICSHAPES_PUBLIC_URL": site.api_url,
        "PICSHAPES_GRACE_S": str(WORKER_GRACE_S),
        "OMP_WAIT_POLICY": "passive",
    }
    return site.part(name, "picshapes_worker", port, settings)

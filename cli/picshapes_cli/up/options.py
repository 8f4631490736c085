"""What `picshapes up` is asked for, and where in its folder things lie."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Engine(StrEnum):
    """What the workers run."""

    DIFFUSERS = "diffusers"
    NULL = "null"
    """No pictures: for benchmarks of everything else."""


def default_folder() -> Path:
    """Return the folder used when none is named: `$XDG_DATA_HOME/picshapes`."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "picshapes"


@dataclass(frozen=True)
class UpOptions:
    """The options of `picshapes up`."""

    folder: Path
    port: int = 8080
    """The API's port on loopback; 0 takes any that is free."""
    workers: int = 1
    engine: Engine = Engine.DIFFUSERS
    catalogue: str | None = None
    """demo, real or a file; the demo catalogue when absent."""
    database_url: str | None = None
    """SQLite in the folder when absent."""
    redis_url: str | None = None
    """Limits are counted in memory when absent."""
    storage_url: str | None = None
    """Files in the folder when absent."""
    kubeconfig: Path | None = None
    """An existing cluster; a control plane of its own when absent."""
    namespace: str = "picshapes"
    job_namespaces: tuple[str, ...] = ()
    """Further namespaces whose jobs are looked after."""
    durable: bool = True
    """False: etcd leaves it to the system when data reaches the disk; for demos and benchmarks."""
    first_credits: int = 1000
    """Credits of the first user and the first admin, in a new database."""
    ready_file: Path | None = None
    """Besides `ready.json` in the folder."""


@dataclass(frozen=True)
class Layout:
    """Paths in the folder of one installation."""

    root: Path

    @property
    def control_plane(self) -> Path:
        """State of etcd and kube-apiserver."""
        return self.root / "control-plane"

    @property
    def keys(self) -> Path:
        """The API's first users with their keys; secret."""
        return self.root / "first-users.json"

    @property
    def database(self) -> Path:
        """The API's SQLite database."""
        return self.root / "picshapes.db"

    @property
    def results(self) -> Path:
        """Pictures."""
        return self.root / "results"

    @property
    def temporary(self) -> Path:
        """What the parts and their libraries put into `$TMPDIR`; gone when `up` ends."""
        return self.root / "tmp"

    @property
    def catalogue(self) -> Path:
        """The catalogue in force, when it isn't a packaged one as it is."""
        return self.root / "catalogue.yaml"

    @property
    def ready(self) -> Path:
        """Where a client finds the API, and its keys; secret, and there only while `up` runs."""
        return self.root / "ready.json"

    def kubeconfig(self, part: str) -> Path:
        """Credentials of one part; secret."""
        return self.root / "kubeconfigs" / f"{part}.kubeconfig"

    def log(self, part: str) -> Path:
        """Log of one part."""
        return self.root / "logs" / f"{part}.log"

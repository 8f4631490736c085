"""The operator's settings, from the environment: `PICSHAPES_` and the field's name in capitals."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from picshapes_crds.logs import Format
from picshapes_operator.pools import Pool


class Settings(BaseSettings):
    """How and where this operator runs."""

    model_config = SettingsConfigDict(env_prefix="PICSHAPES_")

    kubeconfig: Path | None = Field(None, description="kubeconfig; the pod's service account when absent")
    namespace: str = Field("picshapes", min_length=1, description="where jobs and workers are")
    catalogue: str = Field("demo", description="demo, real, or a file")
    probe_host: str = "127.0.0.1"
    probe_port: int = Field(8082, ge=0, le=65535)
    log_format: Format = "json"
    log_level: str = "INFO"
    pools: tuple[Pool, ...] = Field((Pool(name="default"),), description="JSON: name, vram_mib, models of each")
    pool_drain_s: float = Field(60, gt=0, description="seconds in which a pool is to get through its jobs")
    watch_nodes: bool = Field(
        default=True, description="give workers on cordoned nodes no new jobs; needs to list and watch nodes"
    )
    identity: str = Field("", description="name in the leader's Lease; host and process id when absent")

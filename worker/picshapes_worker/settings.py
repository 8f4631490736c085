"""What can be set on a worker: environment variables with the prefix `PICSHAPES_`, checked at start."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "PICSHAPES_"


class InvalidSettingsError(ValueError):
    """Settings are missing or wrong; the message names them in one sentence."""


class Settings(BaseSettings):
    """Settings of one worker process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    pod_name: Annotated[str, Field(min_length=1, max_length=253)]
    """The pod that this process runs in; also the name of its Lease."""
    namespace: str = "picshapes"
    kubeconfig: Path | None = None
    """Absent: the pod's service account."""
    catalogue: str = "demo"
    """`demo`, `real` or a file."""
    engine: Literal["diffusers", "null"] = "diffusers"
    null_step_s: Annotated[float, Field(ge=0)] = 0
    """How long a step of the null engine takes; at 0 it is instant and runs in the event loop."""
    models: Annotated[tuple[str, ...], NoDecode] = ()
    """Catalogue ids, comma-separated in the environment; empty: all of the catalogue."""
    storage_url: Annotated[str, Field(min_length=1)]
    """Where pictures go: `file:///dir`, `s3://bucket/prefix`, `gs://…`, `az://…`."""
    public_url: str | None = None
    """The API's address for users; the results' URLs start with it."""
    probe_host: str = "127.0.0.1"
    probe_port: Annotated[int, Field(ge=0, le=65535)] = 8081
    """0 takes a free port, which the log names."""
    vram_mib: Annotated[int, Field(ge=1)] | None = None
    """Declares this much device memory, in MiB, instead of what was measured: for shared cards."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    load_budget_s: Annotated[float, Field(gt=0)] = 1800
    """Loading a model for longer than this counts as hung: the Lease runs out and liveness fails."""
    step_budget_s: Annotated[float, Field(gt=0)] = 300
    """The same for one inference step, text encoding or image decoding."""
    grace_s: Annotated[float, Field(ge=0)] = 150
    """How long a running job may go on after SIGTERM."""
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment; raises `InvalidSettingsError`."""
        try:
            return cls()
        except ValidationError as error:
            faults = "; ".join(
                f"{PREFIX}{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
                for fault in error.errors()
            )
            raise InvalidSettingsError(f"wrong settings: {faults}") from error

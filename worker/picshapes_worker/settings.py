"""What can be set on a worker: environment variables with the prefix `PICSHAPES_`, checked at start."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from picshapes_crds.settings import PREFIX, ClusterSettings, Words


class InvalidSettingsError(ValueError):
    """Settings are missing or wrong; the message names them in one sentence."""


class Settings(ClusterSettings):
    """Settings of one worker process; docs/settings.md is made of what is said here."""

    model_config = SettingsConfigDict(frozen=True)

    pod_name: Annotated[str, Field(min_length=1, max_length=253)] = Field(
        description="The pod that this process runs in; also the name of its Lease."
    )
    engine: Literal["diffusers", "null"] = Field(
        "diffusers", description="What draws the pictures; `null` draws one pixel, for tests and benchmarks."
    )
    null_step_s: Annotated[float, Field(ge=0)] = Field(
        0,
        description="Seconds that a step of the null engine takes; at 0 it is instant and runs in the event loop.",
    )
    models: Words = Field(
        (), description="Catalogue ids, separated by commas, of what this worker serves; by default all."
    )
    storage_url: Annotated[str, Field(min_length=1)] = Field(
        description="Where pictures go: `file:///folder`, `s3://bucket/prefix`, `gs://…`, `az://…`."
    )
    public_url: str | None = Field(
        None,
        description="The API's address for users, with which `status.resultURL` begins; by default the store's.",
    )
    probe_host: str = Field("127.0.0.1", description="Address of the probes and the metrics.")
    probe_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8081, description="Their port; 0 takes a free one, which the log names."
    )
    vram_mib: Annotated[int, Field(ge=1)] | None = Field(
        None, description="MiB of device memory to declare for a shared card; by default what the device reports."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where models run; `auto` takes a GPU if it can."
    )
    compile: bool = Field(
        True,  # noqa: FBT003 - the default
        description="Compile models on a GPU, once: the result is kept in `TORCHINDUCTOR_CACHE_DIR`, by default "
        "`~/.cache/picshapes/compiled`.",
    )
    precision: Literal["bf16", "fp8"] = Field(
        "bf16",
        description="`fp8`: the transformers' blocks in 8-bit floats, on cards of compute capability 8.9 or more: "
        "smaller, made to be faster, at some cost in quality. Otherwise as the catalogue says, which is `bf16`.",
    )
    weights_dir: Path | None = Field(
        None,
        description="Folder with models of a hub, or to be filled with them; by default `HF_HUB_CACHE`, "
        "else `~/.cache/picshapes/weights`.",
    )
    load_budget_s: Annotated[float, Field(gt=0)] = Field(
        1800, description="Seconds after which loading a model counts as hung: the Lease runs out, liveness fails."
    )
    step_budget_s: Annotated[float, Field(gt=0)] = Field(
        300, description="The same for one inference step, text encoding or image decoding."
    )
    grace_s: Annotated[float, Field(ge=0)] = Field(
        150, description="Seconds for which a running job may go on after SIGTERM."
    )
    log_format: Literal["json", "text"] = Field("json", description="Logs for machines or for people.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least that is logged."
    )

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

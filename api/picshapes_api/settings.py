"""What the operator of an installation may set, all from the environment."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from picshapes_api.core.forwarding import Network
from picshapes_api.core.retention import Retention
from picshapes_api.services import Exposure
from picshapes_crds.settings import ClusterSettings, separated

Port = Annotated[int, Field(ge=0, le=65535)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(ClusterSettings):
    """Settings of the API; names are PICSHAPES_… but for the two URLs that everybody spells alike.

    docs/settings.md is made of what is said here.
    """

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: Port = Field(8080, description="Port that it listens on, for the API, its metrics and its probes alike.")
    public_url: str | None = Field(
        None,
        description="Where clients reach this API, for the addresses it gives; by default what `Host` says.",
    )
    storage_url: str = Field(
        description="Where pictures lie: `file:///folder`, `s3://bucket/prefix`, `gs://…`, `az://…`."
    )
    storage_public_endpoint: str | None = Field(
        None,
        description="Where clients reach the object store themselves: then they are redirected to pictures, by"
        " addresses that are good for 300 s; by default pictures are streamed through the API.",
    )
    retention_days: Days | None = Field(
        None, description="Days after which pictures are removed; by default they are kept for ever."
    )
    job_retention_days: Days | None = Field(
        None,
        description="Days after their end in which jobs are forgotten, no less than PICSHAPES_RETENTION_DAYS; by"
        " default they are kept for ever. Money is never forgotten.",
    )
    database_url: SecretStr = Field(
        validation_alias=AliasChoices("DATABASE_URL"),
        description="The database: `sqlite:///absolute/path` or `postgres://user:password@host/name`.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("REDIS_URL"),
        description="Where API processes count requests together; by default one process counts in memory.",
    )
    bootstrap_file: Path | None = Field(
        None,
        description="JSON file of users to be made at the start if they are unknown; it holds keys.",
    )
    admin_secret: str | None = Field(
        None, description="Secret in the namespace that holds, or is to hold, the first administrator's key."
    )
    admin_email: str = Field(
        "admin@localhost.localdomain", description="Whose key that is, if the Secret doesn't say."
    )
    max_unfinished: Annotated[int, Field(ge=1)] = Field(
        20_000, description="Unfinished jobs that the cluster may hold; more of them wait in the database."
    )
    max_unfinished_per_user: Annotated[int, Field(ge=1)] = Field(
        10_000, description="Unfinished jobs that one user may have; more are refused with 429."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(separated)] = Field(
        (),
        description="Networks, separated by commas, whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.",
    )
    log_format: Literal["json", "text"] = Field("json", description="Logs for machines or for people.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least that is logged."
    )

    @model_validator(mode="after")
    def _jobs_outlive_pictures(self) -> Self:
        jobs, results = self.job_retention_days, self.retention_days
        if jobs is not None and (results is None or results > jobs):
            raise ValueError("PICSHAPES_JOB_RETENTION_DAYS needs a PICSHAPES_RETENTION_DAYS that isn't larger")
        return self

    @property
    def retention(self) -> Retention:
        """How long pictures and jobs are kept."""
        return Retention(self.retention_days, self.job_retention_days)

    @property
    def exposure(self) -> Exposure:
        """How clients come to this API."""
        return Exposure(self.public_url.rstrip("/") if self.public_url else None, self.trusted_proxies)

"""What the operator of an installation may set, all from the environment."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from picshapes_api.core.forwarding import Network
from picshapes_api.core.retention import Retention
from picshapes_api.services import Exposure

Port = Annotated[int, Field(ge=0, le=65535)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(BaseSettings):
    """Settings of the API; names are PICSHAPES_… but for the two URLs that everybody spells alike."""

    model_config = SettingsConfigDict(env_prefix="PICSHAPES_", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str | None = None
    """Where clients reach this API, if not where they say in `Host`."""
    kubeconfig: Path | None = None
    """None: the pod's service account."""
    namespace: str = "picshapes"
    catalogue: str = "demo"
    storage_url: str
    storage_public_endpoint: str | None = None
    """Where clients reach the object store themselves: then pictures are redirected to, not streamed."""
    retention_days: Days | None = None
    """Pictures older than this are removed; None: kept for ever."""
    job_retention_days: Days | None = None
    """Jobs that ended longer ago are forgotten, at least as late as their pictures; None: never."""
    database_url: SecretStr = Field(validation_alias=AliasChoices("DATABASE_URL"))
    redis_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("REDIS_URL"))
    bootstrap_file: Path | None = None
    admin_secret: str | None = None
    """The Secret in the namespace that holds, or is to hold, the first administrator's key."""
    admin_email: str = "admin@localhost.localdomain"
    """Whose it is, if the Secret doesn't say."""
    max_unfinished: Annotated[int, Field(ge=1)] = 20_000
    """Jobs that may be unfinished in the cluster; more wait in the database."""
    max_unfinished_per_user: Annotated[int, Field(ge=1)] = 10_000
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Networks, separated by commas, whose forwarded headers are believed."""
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _separate(cls, value: object) -> object:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value

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

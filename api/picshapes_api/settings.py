"""What the operator of an installation may set, all from the environment."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from picshapes_api.core.forwarding import Network
from picshapes_api.services import Exposure

Port = Annotated[int, Field(ge=0, le=65535)]


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
    database_url: SecretStr = Field(validation_alias=AliasChoices("DATABASE_URL"))
    redis_url: SecretStr | None = Field(default=None, validation_alias=AliasChoices("REDIS_URL"))
    bootstrap_file: Path | None = None
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

    @property
    def exposure(self) -> Exposure:
        """How clients come to this API."""
        return Exposure(self.public_url.rstrip("/") if self.public_url else None, self.trusted_proxies)

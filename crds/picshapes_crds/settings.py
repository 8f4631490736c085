"""The settings that every part has: where its cluster is, and in which namespaces it works."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX: Final = "PICSHAPES_"
MOST_NEIGHBOURS: Final = 100
"""Each has a watch in every process, which keeps one of its connections to the API server."""


def separated(value: object) -> object:
    """Split a text at its commas; leave anything else as it is."""
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(separated)]
"""Words of one variable, separated by commas."""
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class ClusterSettings(BaseSettings):
    """Where the cluster is, and which of its namespaces and models are this installation's."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    kubeconfig: Path | None = Field(
        None, description="Credentials of the cluster; by default the pod's service account."
    )
    namespace: Namespace = Field("picshapes", description="Namespace of the workers, and of the API's jobs.")
    job_namespaces: Annotated[tuple[Namespace, ...], NoDecode, BeforeValidator(separated)] = Field(
        (),
        max_length=MOST_NEIGHBOURS,
        description="Further namespaces, separated by commas, whose jobs are looked after, too; 100 at most.",
    )
    catalogue: str = Field("demo", description="Models and tiers: `demo`, `real` or the path of a YAML file.")

    @property
    def neighbours(self) -> tuple[str, ...]:
        """The further namespaces, each once."""
        return tuple(one for one in dict.fromkeys(self.job_namespaces) if one != self.namespace)

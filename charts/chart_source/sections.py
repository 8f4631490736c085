"""What the sections of the values have in common: names in camel case, nothing unknown, Kubernetes' own types."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Manifest = dict[str, Any]
"""A piece of a Kubernetes manifest, passed on as it is."""
Manifests = list[Manifest]
Labels = dict[str, str]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$")]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Section(BaseModel):
    """A group of values; a key that is not there is refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Image(Section):
    """One of the images."""

    repository: str = Field(description="Name of the image in the registry.")
    tag: str = Field("dev", description="The image's tag.")
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = Field(
        "", description="`sha256:…` of the image; if set, it counts and the tag does not."
    )


class SecretKey(Section):
    """A key in a Secret that exists already."""

    name: str = Field("", description="Name of a Secret in the release's namespace; empty: none.")
    key: str = Field("url", description="The key in that Secret.")


class Persistence(Section):
    """A volume that stays when its pod goes."""

    enabled: bool = Field(
        default=True, description="A PersistentVolumeClaim; false: an emptyDir, which is lost with its pod."
    )
    size: Quantity = Field("10Gi", description="Size of the volume.")
    storage_class: str = Field("", description="Its StorageClass; empty: the cluster's default, `-`: none.")
    existing_claim: str = Field("", description="A claim that exists already, in place of one of the chart's.")


class Placement(Section):
    """Where pods run and what they carry."""

    node_selector: Labels = Field(default_factory=dict, description="Labels that a node must have.")
    tolerations: Manifests = Field(default_factory=list, description="Taints that the pods put up with.")
    affinity: Manifest = Field(default_factory=dict, description="Affinity in Kubernetes' words.")
    topology_spread_constraints: Manifests = Field(
        default_factory=list, description="How pods are spread; empty: over nodes, where that is possible."
    )
    priority_class_name: str = Field("", description="A PriorityClass that exists; empty: see `priorityClasses`.")
    pod_annotations: Labels = Field(default_factory=dict, description="Further annotations of the pods.")
    pod_labels: Labels = Field(default_factory=dict, description="Further labels of the pods.")
    extra_volumes: Manifests = Field(default_factory=list, description="Further volumes, such as certificates.")
    extra_volume_mounts: Manifests = Field(default_factory=list, description="Where they are mounted.")
    env: Manifests = Field(
        default_factory=list, description="Further environment variables, as Kubernetes has them."
    )


def resources(cpu: str, memory: str, memory_limit: str) -> Manifest:
    """Return requests and the limit on memory; a limit on the processor only throttles."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory_limit}}

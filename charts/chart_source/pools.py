"""The values of the workers: one section of defaults, and the pools, each of which may differ from them."""

from typing import Annotated, Literal

from pydantic import Field

from chart_source.sections import (
    Labels,
    LogLevel,
    Manifest,
    Manifests,
    Name,
    Placement,
    Quantity,
    Section,
    resources,
)


class Gpu(Section):
    """How a worker gets its GPU."""

    mode: Literal["none", "devicePlugin", "dra"] = Field(
        "none",
        description="`none`: CPU; `devicePlugin`: an extended resource of the node; `dra`: dynamic allocation.",
    )
    resource_name: str = Field(
        "nvidia.com/gpu", description="The extended resource: another for AMD (`amd.com/gpu`) or slices (MIG)."
    )
    min_memory_mib: Annotated[int, Field(ge=0, alias="minMemoryMiB")] = Field(
        0,
        description="Least memory of the device in MiB, as it reports it; 0: any. With `devicePlugin` the label "
        "`nvidia.com/gpu.memory` of GPU feature discovery is asked, with `dra` the device itself.",
    )
    device_class_name: str = Field("gpu.nvidia.com", description="The DeviceClass, with `dra`.")
    driver: str = Field("gpu.nvidia.com", description="The driver that names the device's memory, with `dra`.")


class Weights(Section):
    """Where a worker finds the weights of its models."""

    source: Literal["baked", "ephemeral", "existingClaim", "image"] = Field(
        "baked",
        description="`baked`: in the worker's image (the demo weights); `ephemeral`: pulled at each start; "
        "`existingClaim`: a volume that holds them; `image`: an OCI image that holds them.",
    )
    size: Quantity = Field("100Gi", description="Size of an ephemeral volume.")
    storage_class: str = Field(
        "", description="StorageClass of an ephemeral volume; empty: an emptyDir on the node's disk."
    )
    claim_name: str = Field("", description="The claim, with `existingClaim`; mounted read-only.")
    image: str = Field("", description="The image, with `image`; a cluster with image volumes is needed.")
    mount_path: str = Field(
        "/weights", description="Where the volume is mounted: as `picshapes weights pull` fills it."
    )
    hf_token_secret: str = Field("", description="Secret with the key `token`, for gated models of the hub.")
    hf_endpoint: str = Field("", description="A mirror of the hub.")


class Autoscaling(Section):
    """Workers by need: a pool gets as many as the operator wants for what is to be done now."""

    type: Literal["none", "keda", "hpa"] = Field(
        "none", description="`keda`: a ScaledObject; `hpa`: an HPA over external metrics; `none`: fixed replicas."
    )
    min_replicas: Annotated[int, Field(ge=0)] = Field(0, description="Least workers; an HPA needs at least 1.")
    max_replicas: Annotated[int, Field(ge=1)] = Field(4, description="Most workers.")
    cooldown_seconds: Annotated[int, Field(ge=0)] = Field(300, description="How long fewer must be wanted.")
    prometheus_address: str = Field(
        "http://prometheus-operated.monitoring:9090", description="The Prometheus that KEDA asks."
    )


class WorkerDefaults(Placement):
    """What all pools have unless they say otherwise."""

    models: list[str] = Field(
        default_factory=list, description="Ids of the models served; empty: all of the catalogue."
    )
    replicas: Annotated[int, Field(ge=0)] = Field(1, description="Workers, each with one device.")
    image: str = Field(
        "", description="A whole image reference, in place of `image.worker` or `image.workerCuda`."
    )
    engine: Literal["diffusers", "null"] = Field(
        "diffusers", description="`diffusers` draws; `null` draws nothing, to measure everything around it."
    )
    vram_mib: Annotated[int, Field(ge=0, alias="vramMiB")] = Field(
        0, description="Device memory in MiB that a worker declares, for shared cards; 0: what it measures."
    )
    precision: Literal["bf16", "fp8"] = Field(
        "bf16",
        description="`fp8`: 8-bit floats on cards that have them (compute capability 8.9 or more), at some cost "
        "in quality; the pictures of a seed differ from those of `bf16`.",
    )
    gpu: Gpu = Field(default_factory=Gpu, description="The GPU.")
    weights: Weights = Field(default_factory=Weights, description="The weights.")
    shared_memory: Quantity = Field("1Gi", description="Size of /dev/shm.")
    cache_size: Quantity = Field("10Gi", description="Most that a worker may keep in its caches and /tmp.")
    termination_grace_period_seconds: Annotated[int, Field(ge=31)] = Field(
        180, description="Time to end: the longest job's, and 30 s."
    )
    runtime_class_name: str = Field("", description="RuntimeClass, such as `nvidia`.")
    log_level: LogLevel = Field("INFO", description="How much a worker logs.")
    env_from: Manifests = Field(default_factory=list, description="Further sources of environment variables.")
    autoscaling: Autoscaling = Field(default_factory=Autoscaling, description="Workers by need.")
    resources: Manifest = Field(
        default_factory=lambda: resources("500m", "1536Mi", "4Gi"), description="Processor and memory."
    )


class Workers(WorkerDefaults):
    """What all pools have unless they say otherwise."""

    service_account_annotations: Labels = Field(
        default_factory=dict, description="Annotations of the ServiceAccount that all pools share."
    )


class Pool(WorkerDefaults):
    """A group of equal workers: a name, and any of the values of `worker`, which it overrides."""

    name: Name = Field(description="Name of the pool, in names of objects and in metrics.")

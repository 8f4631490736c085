"""The `GenerationJob` resource as types: what is wanted (`spec`) and what happened (`status`).

Field names are the resource's own camelCase ones by alias. The custom resource definition's schema is
generated from these types (`schema.py`), so a description here is what `kubectl explain` prints.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from picshapes_crds.names import ACCEPTED_AT_ANNOTATION, ORIGIN_API, ORIGIN_LABEL
from picshapes_crds.phases import ConditionType, Phase

DEFAULT_MODEL = "z-image-turbo"
DEFAULT_TIER = "basic"
DEFAULT_DEADLINE_S = 3600
DEFAULT_MAX_ATTEMPTS = 3
MAX_SEED = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 8259, section 6)."""


def camel(name: str) -> str:
    """Turn a Python field name into the resource's, with initialisms in capitals as in Kubernetes."""
    special = {"worker_id": "workerID", "result_url": "resultURL", "min_vram_mib": "minVramMiB"}
    return special.get(name) or to_camel(name)


class Part(BaseModel):
    """A part of the resource. Unknown fields are ignored: an older program reads a newer resource."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, frozen=True)

    def body(self) -> dict[str, Any]:
        """Return the JSON form with the resource's own names; what is absent stays absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class OutputFormat(StrEnum):
    """File formats of the picture."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


Pixels = Annotated[int, Field(ge=64, le=8192)]
Name = Annotated[str, Field(min_length=1, max_length=63)]


class GenerationJobSpec(Part):
    """What is wanted. Immutable but for `cancelRequested` (false to true) and `ttlSecondsAfterFinished`."""

    prompt: str = Field(min_length=1, max_length=4000, description="Text description of the picture to generate.")
    negative_prompt: str | None = Field(None, max_length=4000, description="What to avoid in the picture.")
    model: Name = Field(DEFAULT_MODEL, description="Catalogue id of the model.")
    tier: Name = Field(DEFAULT_TIER, description="Catalogue id of the quality tier: limits of size and steps.")
    width: Pixels | None = Field(None, description="Width in pixels; the tier's default when absent.")
    height: Pixels | None = Field(None, description="Height in pixels; the tier's default when absent.")
    steps: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Inference steps; the model's default when absent."
    )
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(
        None, description="Random seed; drawn from the resource's uid when absent."
    )
    output_format: OutputFormat | None = Field(None, description="File format of the picture; png when absent.")
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(
        None,
        description="Higher goes first; 0 when absent. Above 0 takes the right to raise generationjobs/priority.",
    )
    owner: Name | None = Field(
        None,
        description="Whose share of the cluster is used; the namespace when absent. Set by the API only.",
    )
    deadline_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = Field(
        None, description="Seconds from creation after which the job fails; 3600 when absent."
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="How often started work may be lost before the job fails; 3 when absent."
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Seconds after its end when the resource is deleted; kept when absent."
    )
    cancel_requested: bool | None = Field(None, description="Set to true to cancel the job; can't be taken back.")


class Condition(Part):
    """One observation of the job's state, in the form of `metav1.Condition`."""

    type: ConditionType = Field(description="What is observed.")
    status: Annotated[str, Field(pattern="^(True|False|Unknown)$")] = Field(description="True, False or Unknown.")
    reason: Annotated[str, Field(max_length=128)] = Field(description="CamelCase constant for programs.")
    message: Annotated[str, Field(max_length=1024)] = Field("", description="A sentence for people.")
    last_transition_time: datetime = Field(description="When the status last changed.")


class Resolved(Part):
    """The request with all defaults filled in, as scheduled."""

    model: str = Field(description="Catalogue id of the model.")
    tier: str = Field(description="Catalogue id of the tier.")
    width: int = Field(description="Width in pixels.")
    height: int = Field(description="Height in pixels.")
    steps: int = Field(description="Inference steps.")
    min_vram_mib: int = Field(description="Device memory that the job needs, in MiB.")


class Result(Part):
    """The stored picture."""

    key: Annotated[str, Field(max_length=512)] = Field(description="Object key in the store.")
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = Field(description="SHA-256 of the file.")
    bytes: Annotated[int, Field(ge=0)] = Field(description="Size of the file in bytes.")
    content_type: Annotated[str, Field(max_length=64)] = Field(description="Media type of the file.")
    device: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="Device that made it: there the same seed gives the same picture again."
    )


class Timings(Part):
    """How long the parts of the work took, in seconds."""

    load_s: Annotated[float, Field(ge=0)] = Field(0, description="Loading the model; 0 when it was loaded.")
    inference_s: Annotated[float, Field(ge=0)] = Field(description="Text encoding, denoising and decoding.")
    encode_s: Annotated[float, Field(ge=0)] = Field(description="Encoding the file.")
    upload_s: Annotated[float, Field(ge=0)] = Field(description="Storing the file.")


class GenerationJobStatus(Part):
    """What happened. Each field has one writer: the operator, or the worker that holds the claim."""

    phase: Phase = Field(Phase.PENDING, description="Where the job is in its life.")
    attempt: Annotated[int, Field(ge=0)] = Field(0, description="Rises at each claim; fences the worker's writes.")
    failures: Annotated[int, Field(ge=0)] | None = Field(None, description="How often started work was lost.")
    workers_lost: Annotated[int, Field(ge=0)] | None = Field(
        None, description="How many workers were lost that held the job first of all their jobs."
    )
    worker_name: Annotated[str, Field(max_length=253)] | None = Field(
        None, description="Pod that holds, or last held, the job."
    )
    worker_id: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Process in that pod: random at each start, the holder of its Lease."
    )
    claimed_at: datetime | None = Field(None, description="When the current attempt was claimed.")
    started_at: datetime | None = Field(None, description="When the current attempt began inference.")
    completed_at: datetime | None = Field(None, description="When the job ended, well or not.")
    progress: Annotated[str, Field(pattern=r"^\d+/\d+$")] | None = Field(
        None, description="Inference steps done of all, as in 3/8."
    )
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, description="Seed that was used.")
    resolved: Resolved | None = Field(None, description="The request with all defaults filled in.")
    result_url: Annotated[str, Field(max_length=2048)] | None = Field(
        None, alias="resultURL", description="Where the worker stored the picture."
    )
    result: Result | None = Field(None, description="The stored picture.")
    timings: Timings | None = Field(None, description="Seconds spent on each part of the work.")
    conditions: Annotated[list[Condition], Field(max_length=8)] | None = Field(
        None, description="Observations for kubectl wait and describe."
    )

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of this type, if it was ever set."""
        return next((c for c in self.conditions or [] if c.type is kind), None)


class Metadata(Part):
    """The part of `metadata` that PicShapes reads."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class GenerationJob(Part):
    """A job as the API server shows it."""

    metadata: Metadata
    spec: GenerationJobSpec
    status: GenerationJobStatus = GenerationJobStatus()

    @classmethod
    def parse(cls, obj: dict[str, Any]) -> Self:
        """Read a job from the API server's JSON; `pydantic.ValidationError` when it isn't one."""
        return cls.model_validate(obj)

    @property
    def public_id(self) -> str:
        """The id in the REST API and in object keys: the name for jobs made by the API, else the uid."""
        return self.metadata.name if self.made_by_api else self.metadata.uid

    @property
    def made_by_api(self) -> bool:
        """Whether the REST API made it: only the API may set the label that says so."""
        return self.metadata.labels.get(ORIGIN_LABEL) == ORIGIN_API

    @property
    def waits_since(self) -> datetime:
        """When the API accepted the job, to the millisecond; else when it was created, to the second."""
        accepted = self.metadata.annotations.get(ACCEPTED_AT_ANNOTATION) if self.made_by_api else None
        try:
            return datetime.fromisoformat(accepted) if accepted else self.metadata.creation_timestamp
        except ValueError:
            return self.metadata.creation_timestamp

"""A job as the API shows it, whether it comes from the cluster or from the database.

Both are read into `JobFacts`; `job_body` is the contract's `Job`. Fields without a value are absent, never null.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from picshapes_api.core.failures import sentence
from picshapes_crds import names
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import Json
from picshapes_crds.resolve import drawn_seed
from picshapes_crds.resource import DEFAULT_MODEL, DEFAULT_TIER, OutputFormat
from picshapes_crds.storage import extension

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a job is, from a resource's status or a row."""

    status: str
    attempt: int = 0
    started_at_ms: int | None = None
    completed_at_ms: int | None = None
    result_sha256: str | None = None
    result_bytes: int | None = None
    failure: str | None = None
    """Reason of the failure."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """All that the API says of a job."""

    id: str
    spec: Json
    """The resource's spec, with all defaults filled in."""
    created_at_ms: int
    outcome: Outcome

    @property
    def file_name(self) -> str:
        """The last part of the result's URL."""
        return f"{self.id}.{extension(self.output_format)}"

    @property
    def output_format(self) -> OutputFormat:
        """The format of the picture."""
        return OutputFormat(self.spec.get("outputFormat", OutputFormat.PNG.value))


def is_api_job(resource: Json) -> bool:
    """Say whether the API made this resource, so that its name is the job's id and a row exists."""
    labels = resource["metadata"].get("labels") or {}
    return labels.get(names.ORIGIN_LABEL) == names.ORIGIN_API


def public_id(resource: Json) -> str:
    """Return the job's id in URLs and object keys."""
    metadata = resource["metadata"]
    return str(metadata["name"] if is_api_job(resource) else metadata["uid"])


def outcome_of(status: Json) -> Outcome:
    """Read a resource's status."""
    result = status.get("result") or {}
    return Outcome(
        status=status.get("phase", "Pending").lower(),
        attempt=status.get("attempt", 0),
        started_at_ms=_milliseconds(status.get("startedAt")),
        completed_at_ms=_milliseconds(status.get("completedAt")),
        result_sha256=result.get("sha256"),
        result_bytes=result.get("bytes"),
        failure=_failure(status),
    )


def facts_of(resource: Json, catalogue: Catalogue) -> JobFacts:
    """Read a job from its resource; what a kubectl user left open is filled in as the operator will."""
    metadata, spec = resource["metadata"], resource["spec"]
    status = resource.get("status") or {}
    if not is_api_job(resource):
        spec = _filled_in(spec, status, metadata["uid"], catalogue)
    accepted = (metadata.get("annotations") or {}).get(names.ACCEPTED_AT_ANNOTATION)
    created = _milliseconds(accepted if is_api_job(resource) and accepted else metadata["creationTimestamp"])
    return JobFacts(public_id(resource), spec, created or 0, outcome_of(status))


def job_body(job: JobFacts, base_url: str, *, expired: bool = False) -> Json:
    """Return the contract's `Job`; `base_url` is where this API is reached, without a slash at its end.

    The address of an `expired` picture is absent: nothing is there any more.
    """
    spec, outcome = job.spec, job.outcome
    body: dict[str, Any] = {"id": job.id, "status": outcome.status, "prompt": spec["prompt"]}
    if spec.get("negativePrompt"):
        body["negative_prompt"] = spec["negativePrompt"]
    for field in ("model", "tier", "width", "height", "steps", "seed"):
        body[field] = spec[field]
    if outcome.status == "completed" and not expired:
        body["result_url"] = result_url(job, base_url)
    elif outcome.status == "failed":
        body["error_msg"] = sentence(outcome.failure)
    body["created_at"] = timestamp(job.created_at_ms)
    if outcome.started_at_ms is not None and outcome.status not in ("pending", "claimed"):
        body["started_at"] = timestamp(outcome.started_at_ms)
    if outcome.completed_at_ms is not None:
        body["completed_at"] = timestamp(outcome.completed_at_ms)
    return body


def result_url(job: JobFacts, base_url: str) -> str:
    """Return where the picture is served."""
    return f"{base_url}/results/{job.file_name}"


def timestamp(milliseconds: int) -> str:
    """Write a time as the contract does: RFC 3339, UTC, milliseconds, `Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def milliseconds_of(moment: datetime) -> int:
    """Return a time as the database keeps it."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _milliseconds(text: str | None) -> int | None:
    return None if text is None else milliseconds_of(datetime.fromisoformat(text))


def _failure(status: Json) -> str | None:
    for condition in status.get("conditions") or []:
        if condition["type"] == "Failed" and condition["status"] == "True":
            return str(condition["reason"])
    return None


def _filled_in(spec: Json, status: Json, uid: str, catalogue: Catalogue) -> Json:
    resolved = status.get("resolved") or {}
    model = catalogue.models.get(spec.get("model", DEFAULT_MODEL)) or catalogue.models[catalogue.default_model]
    limit = model.max_side_px.get(spec.get("tier", DEFAULT_TIER)) or model.max_side_px[catalogue.default_tier]
    open_values = {
        "model": DEFAULT_MODEL,
        "tier": DEFAULT_TIER,
        "width": resolved.get("width", limit),
        "height": resolved.get("height", limit),
        "steps": resolved.get("steps", model.steps),
        "seed": drawn_seed(uid),
    }
    return open_values | spec

"""The resource that stands for an accepted job in the cluster. Pure."""

from typing import Any

from picshapes_api.core.job_view import timestamp
from picshapes_crds import names
from picshapes_crds.cluster import Json


def job_resource(job_id: str, spec: Json, created_at_ms: int, *, cancelled: bool) -> Json:
    """Return the `GenerationJob` of an accepted job; a job cancelled before it was created says so at once."""
    flagged: dict[str, Any] = {"cancelRequested": True} if cancelled else {}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": job_id,
            "labels": {names.ORIGIN_LABEL: names.ORIGIN_API, names.ARCHIVE_LABEL: names.ARCHIVE_REQUIRED},
            "annotations": {names.ACCEPTED_AT_ANNOTATION: timestamp(created_at_ms)},
        },
        "spec": spec | flagged,
    }


def is_resource_of(resource: Json, job_id: str, spec: Json, created_at_ms: int) -> bool:
    """Say whether a resource found under a job's name was made for this job.

    Only the API may set the owner and the labels (an admission policy holds that), so they can't be forged.
    """
    metadata = resource["metadata"]
    annotations = metadata.get("annotations") or {}
    return (
        metadata["name"] == job_id
        and (metadata.get("labels") or {}).get(names.ORIGIN_LABEL) == names.ORIGIN_API
        and annotations.get(names.ACCEPTED_AT_ANNOTATION) == timestamp(created_at_ms)
        and resource["spec"].get("owner") == spec.get("owner")
    )

"""Names that the parts agree on: the resource's API names, labels, annotations and worker label values.

Every string that two parts must spell alike stands here once.
"""

from typing import Final

GROUP: Final = "picshapes.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "GenerationJob"
PLURAL: Final = "generationjobs"
SINGULAR: Final = "generationjob"
SHORT_NAMES: Final = ("gj", "genjob")
CATEGORIES: Final = ("all", "picshapes")

COMPONENT_LABEL: Final = "app.kubernetes.io/component"
COMPONENT_WORKER: Final = "worker"
WORKER_SELECTOR: Final = f"{COMPONENT_LABEL}={COMPONENT_WORKER}"

VRAM_LABEL: Final = f"{GROUP}/vram-mib"
"""Exact device memory in MiB, as the device reports it."""

PROFILE_LABEL: Final = f"{GROUP}/catalogue-profile"
"""The catalogue profile (`demo` or `real`) whose weights a worker loaded; the two never mix."""

WEIGHTS_LABEL_PREFIX: Final = f"weights.{GROUP}/"
"""Followed by a model id; the value is the revision of the weights that the worker serves."""

MODEL_LABEL_PREFIX: Final = f"model.{GROUP}/"

ORIGIN_LABEL: Final = f"{GROUP}/origin"
ORIGIN_API: Final = "api"
"""Set on jobs made by the REST API: their name is their public id."""

ARCHIVE_LABEL: Final = f"{GROUP}/archive"
ARCHIVE_REQUIRED: Final = "required"
"""Only the API's mirror may delete such a job, after it has archived it."""

ACCEPTED_AT_ANNOTATION: Final = f"{GROUP}/accepted-at"
"""When the API accepted the job (RFC 3339); `created_at` of the REST API."""

LOADED_MODELS_ANNOTATION: Final = f"{GROUP}/loaded-models"
"""On a worker's Lease: comma-separated ids of the models that lie in device memory now."""

MEMORY_LIMITS_ANNOTATION: Final = f"{GROUP}/memory-limits-mib"
"""On a worker's Lease: comma-separated `model=MiB`, for models of which a job ran out of memory. Only jobs that
need no more than this fit the worker from then on."""

JOB_NAMESPACES_ANNOTATION: Final = f"{GROUP}/job-namespaces"
"""On a worker's Lease: comma-separated namespaces, beside its own, whose jobs its process watches."""

LOADING_ANNOTATION: Final = f"{GROUP}/loading"
"""On a worker's Lease until it is Ready: what it still does, for people to read."""

DELETION_COST_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"
"""On a pod: of a ReplicaSet's, those with the lowest cost go first when it is scaled down."""


def model_label(model: str) -> str:
    """Return the pod label that says a worker serves this model."""
    return f"{MODEL_LABEL_PREFIX}{model}"


def weights_label(model: str) -> str:
    """Return the pod label whose value is the revision of this model's weights on the worker."""
    return f"{WEIGHTS_LABEL_PREFIX}{model}"

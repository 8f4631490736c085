"""A worker as others see it: its Pod's labels and readiness, and the Lease that its process renews.

The worker writes both (`worker_labels`, `lease_body`), the operator and the API read them. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from picshapes_crds import names
from picshapes_crds.clock import micro_time
from picshapes_crds.cluster.protocol import Json

NO_LIMITS: Final[Mapping[str, int]] = MappingProxyType({})
LEASE_RENEWAL_S: Final = 10.0
LEASE_STALE_S: Final = 40.0
"""Seconds without a renewal, on the observer's own clock, after which the process is taken for lost."""


@dataclass(frozen=True)
class WorkerPod:
    """What a worker's Pod says."""

    namespace: str
    name: str
    uid: str
    version: int
    """Its resource version."""
    ready: bool
    terminating: bool
    ended: bool
    """Its containers have ended and won't be started again."""
    vram_mib: int | None = None
    """Device memory in MiB; None until the worker has measured it."""
    profile: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    """Revision of the weights, for each model that the worker serves."""
    node: str = ""
    """Where it runs; empty for one that is on no node."""


def read_pod(pod: Json) -> WorkerPod:
    """Read a worker's Pod; labels that make no sense count as absent."""
    metadata, status = pod["metadata"], pod.get("status", {})
    labels: dict[str, str] = metadata.get("labels") or {}
    prefix = names.MODEL_LABEL_PREFIX
    models = [
        key.removeprefix(prefix) for key, value in labels.items() if key.startswith(prefix) and value == "true"
    ]
    vram = labels.get(names.VRAM_LABEL, "")
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    return WorkerPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        ready=any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        terminating="deletionTimestamp" in metadata,
        ended=status.get("phase") in ("Succeeded", "Failed"),
        vram_mib=int(vram) if vram.isdecimal() else None,
        profile=labels.get(names.PROFILE_LABEL),
        weights={model: labels.get(names.weights_label(model), "") for model in models},
        node=pod.get("spec", {}).get("nodeName") or "",
    )


def worker_labels(vram_mib: int, profile: str, weights: dict[str, str]) -> dict[str, str]:
    """Return the labels that a worker sets on its own pod once it has measured its device."""
    labels = {names.VRAM_LABEL: str(vram_mib), names.PROFILE_LABEL: profile}
    for model, revision in weights.items():
        labels[names.model_label(model)] = "true"
        labels[names.weights_label(model)] = revision
    return labels


@dataclass(frozen=True)
class WorkerLease:
    """What a worker's Lease says."""

    namespace: str
    name: str
    """The pod's name."""
    worker_id: str
    """The process that holds it."""
    renewed: str
    """Its renewal time as written by the worker: only compared for change, never with another clock."""
    loaded: frozenset[str] = frozenset()
    """Models that lie in device memory now."""
    limits_mib: Mapping[str, int] = field(default_factory=dict)
    """Of models of which a job ran out of memory here: the largest need, in MiB, that may still fit."""
    namespaces: frozenset[str] = frozenset()
    """Whose jobs the process watches."""


def read_lease(lease: Json) -> WorkerLease:
    """Read a worker's Lease."""
    metadata, spec = lease["metadata"], lease.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    loaded = annotations.get(names.LOADED_MODELS_ANNOTATION, "")
    return WorkerLease(
        namespace=metadata["namespace"],
        name=metadata["name"],
        worker_id=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        loaded=frozenset(model for model in loaded.split(",") if model),
        limits_mib=_limits(annotations.get(names.MEMORY_LIMITS_ANNOTATION, "")),
        namespaces=_watched(metadata["namespace"], annotations.get(names.JOB_NAMESPACES_ANNOTATION, "")),
    )


def _limits(text: str) -> dict[str, int]:
    """Read the limits of memory; what makes no sense counts as absent."""
    pairs = (one.partition("=") for one in text.split(",") if one)
    return {model: int(limit) for model, _, limit in pairs if limit.isdecimal()}


@lru_cache(maxsize=64)  # the same for most workers, and read at each renewal
def _watched(own: str, further: str) -> frozenset[str]:
    return frozenset([own, *(namespace for namespace in further.split(",") if namespace)])


def lease_body(
    pod: WorkerPod,
    worker_id: str,
    loaded: frozenset[str],
    now: datetime,
    limits_mib: Mapping[str, int] = NO_LIMITS,
    neighbours: Iterable[str] = (),
) -> Json:
    """Return a worker's Lease as it is created; owned by the pod, so that it goes with it.

    `neighbours` are the further namespaces whose jobs the process watches: renewals leave them as they are.
    """
    annotations = _annotations(loaded, limits_mib)
    annotations[names.JOB_NAMESPACES_ANNOTATION] = ",".join(neighbours)
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": {names.COMPONENT_LABEL: names.COMPONENT_WORKER},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}],
            "annotations": annotations,
        },
        "spec": {
            "holderIdentity": worker_id,
            "leaseDurationSeconds": int(LEASE_STALE_S),
            "acquireTime": micro_time(now),
            "renewTime": micro_time(now),
        },
    }


def lease_renewal(
    worker_id: str, loaded: frozenset[str], now: datetime, limits_mib: Mapping[str, int] = NO_LIMITS
) -> Json:
    """Return the merge patch that renews a worker's Lease."""
    return {
        "metadata": {"annotations": _annotations(loaded, limits_mib)},
        "spec": {"holderIdentity": worker_id, "renewTime": micro_time(now)},
    }


def with_loading(body: Json, said: str) -> Json:
    """Return a Lease's body or patch that also says what the worker still does before it is Ready.

    With nothing to say it is a patch, after which the Lease says it no more.
    """
    metadata = body["metadata"]
    annotations = metadata["annotations"] | {names.LOADING_ANNOTATION: said or None}
    return body | {"metadata": metadata | {"annotations": annotations}}


def _annotations(models: frozenset[str], limits_mib: Mapping[str, int]) -> dict[str, str]:
    limits = ",".join(f"{model}={limit}" for model, limit in sorted(limits_mib.items()))
    return {names.LOADED_MODELS_ANNOTATION: ",".join(sorted(models)), names.MEMORY_LIMITS_ANNOTATION: limits}

"""From settings to a worker that may be given jobs: warm models, its own pod, the pod's labels.

In this order: a label is a promise, made only for what was measured and for what loaded.
"""

from collections.abc import Sequence

import structlog

from picshapes_crds.catalogue import MIB_PER_GIB, Catalogue
from picshapes_crds.cluster import PODS, Cluster, NotFoundError
from picshapes_crds.names import model_label, weights_label
from picshapes_crds.workers import WorkerPod, read_pod, worker_labels
from picshapes_worker.device import Device
from picshapes_worker.engine import Request
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.patience import Patience
from picshapes_worker.preparing import Preparing
from picshapes_worker.residency import preload
from picshapes_worker.weights import locate

WARM_UP_SIDE_PX = 256

log = structlog.get_logger(__name__)


class StartupError(Exception):
    """The worker can't start; the message says why and what to do."""

    code = "STARTUP_FAILED"


def chosen_models(wanted: Sequence[str], catalogue: Catalogue) -> list[str]:
    """Return the models to serve; raises `StartupError` for one that the catalogue lacks."""
    unknown = [model for model in wanted if model not in catalogue.models]
    if unknown:
        known = ", ".join(sorted(catalogue.models))
        raise StartupError(f"PICSHAPES_MODELS names {', '.join(unknown)}, but the catalogue has only {known}")
    return list(wanted or catalogue.models)


def serveable(models: Sequence[str], catalogue: Catalogue, memory_mib: int, *, named: bool) -> list[str]:
    """Return the models of which at least the smallest picture fits the device.

    Raises `StartupError` when none does, or one that was `named` in the settings does not.
    """
    needs = {model: catalogue.models[model].need_mib(1, 1, negative=False) for model in models}
    too_large = [model for model in models if needs[model] > memory_mib]
    if too_large and (named or len(too_large) == len(models)):
        wants = ", ".join(f"{model} needs at least {needs[model] / MIB_PER_GIB:.1f} GiB" for model in too_large)
        raise StartupError(
            f"the device has {memory_mib / MIB_PER_GIB:.1f} GiB of memory, but {wants}: "
            "use a larger card, or name other models in PICSHAPES_MODELS"
        )
    for model in too_large:
        log.warning("model.too_large", model=model, need_mib=needs[model], memory_mib=memory_mib)
    return [model for model in models if model not in too_large]


def find_weights(models: Sequence[str], catalogue: Catalogue) -> None:
    """Check, before torch is imported, that all weights are there; raises `ModelUnavailableError`.

    Models that don't fit beside the first are loaded only when a job asks for them, but promised now.
    """
    for model in models:
        if catalogue.models[model].weights.repo is None:
            locate(model, catalogue.models[model].weights)


async def warm_up(
    host: EngineHost, models: Sequence[str], catalogue: Catalogue, device: Device, preparing: Preparing
) -> None:
    """Load and run once the models that fit together; raises `EngineError`."""
    needs = {model: catalogue.models[model].vram.base_mib for model in models}
    first = preload(models, needs, device.memory_mib)
    for model in reversed(first):  # the first one listed is the most recently used in the end
        preparing.model(model, "loading")
        await host.load(model)
        preparing.model(model, "warming up")
        request = Request(model, "a circle", None, WARM_UP_SIDE_PX, WARM_UP_SIDE_PX, steps=1, seed=0)
        await host.generate(request, lambda _: None)
    preparing.warm()


async def own_pod(cluster: Cluster, namespace: str, name: str, patience: Patience) -> WorkerPod:
    """Read the pod that this process runs in; raises `StartupError` when there is none."""
    try:
        return read_pod(await patience.call(lambda: cluster.get(PODS, namespace, name)))
    except NotFoundError:
        raise StartupError(
            f"there is no pod {name} in the namespace {namespace}: "
            "PICSHAPES_POD_NAME and PICSHAPES_NAMESPACE must name the pod that the worker runs in"
        ) from None


def pod_labels(
    pod: WorkerPod, memory_mib: int, models: Sequence[str], catalogue: Catalogue
) -> dict[str, str | None]:
    """Return the labels to set on the pod; None removes one that an earlier process set."""
    revisions = {model: catalogue.models[model].weights.revision_id for model in models}
    labels: dict[str, str | None] = dict(worker_labels(memory_mib, catalogue.profile, revisions))
    for model in pod.weights.keys() - revisions.keys():
        labels |= {model_label(model): None, weights_label(model): None}
    return labels


async def label_pod(cluster: Cluster, pod: WorkerPod, labels: dict[str, str | None], patience: Patience) -> None:
    """Say on the pod what this worker can do."""
    body = {"metadata": {"labels": labels}}
    await patience.call(lambda: cluster.merge_patch(PODS, pod.namespace, pod.name, body))

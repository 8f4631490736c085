"""kopf's side: low-level event handlers that copy what they see into `ClusterState`, and nothing else.

`on.event` handlers patch nothing and post nothing, so kopf writes no annotations, finalizers or Events. kopf does
not tell of objects deleted while it was disconnected and never retries such a handler: an event of type None
(a fresh listing) asks for a resync, and a handler that raises marks the state as broken, which fails `/healthz`.
"""

from collections.abc import Callable
from typing import Any

import kopf

from picshapes_crds import names
from picshapes_operator.state import ClusterState


def registry_for(state: ClusterState, *, pods: bool) -> kopf.OperatorRegistry:
    """Return kopf's registry with the handlers that feed this state with jobs, and with `pods` of workers."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**context: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**context) or kopf.login_with_kubeconfig(**context)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def job(event: kopf.RawEvent, **_: Any) -> None:
        copy_job(state, event)

    if pods:
        workers = {names.COMPONENT_LABEL: names.COMPONENT_WORKER}

        @kopf.on.event("v1", "pods", labels=workers, registry=registry)
        async def pod(event: kopf.RawEvent, **_: Any) -> None:
            copy_pod(state, event)

    return registry


def copy_job(state: ClusterState, event: kopf.RawEvent) -> None:
    """Take in what a watch of jobs told."""

    def observe(seen: dict[str, Any]) -> None:
        if event["type"] == "DELETED":
            state.forget_job(seen["metadata"]["uid"])
        else:
            state.observe_job(seen)

    _copy(state, event, observe)


def copy_pod(state: ClusterState, event: kopf.RawEvent) -> None:
    """Take in what a watch of workers' pods told."""

    def observe(seen: dict[str, Any]) -> None:
        if event["type"] == "DELETED":
            state.forget_pod(seen["metadata"]["name"], seen["metadata"]["uid"])
        else:
            state.observe_pod(seen)

    _copy(state, event, observe)


def _copy(state: ClusterState, event: kopf.RawEvent, observe: Callable[[dict[str, Any]], None]) -> None:
    try:
        observe(dict(event["object"]))
    except Exception as error:
        state.broken = f"a handler failed: {error!r}"
        raise
    if event["type"] is None:
        state.resync_wanted.set()


def kopf_settings() -> kopf.OperatorSettings:
    """Return settings by which kopf only watches, and never kills the process when it is to end."""
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = None
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    return settings

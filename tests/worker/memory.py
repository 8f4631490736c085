"""A worker's surroundings in memory: an API server that can fail on demand, jobs, a clock, a context."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonpatch
from prometheus_client import CollectorRegistry

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    Event,
    ForbiddenError,
    InvalidError,
    Json,
    Kind,
    NotFoundError,
    ObjectList,
    Scope,
)
from picshapes_worker.context import WorkerContext
from picshapes_worker.engine_host import EngineHost
from picshapes_worker.memory_limits import MemoryLimits
from picshapes_worker.metrics import Metrics
from picshapes_worker.store import PictureStore

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
WORKER_ID = "process-1"
WITHIN_S = 20.0


class Fault:
    """One planned failure of the API server; `applied` says whether the call took effect before it."""

    def __init__(self, error: ClusterError, *, applied: bool = False) -> None:
        self.error, self.applied = error, applied


class MemoryCluster:
    """Objects in memory, with the API server's versions, patches and conflicts.

    `faults` holds, by verb, what happens to the next calls; `calls` notes every one. In the namespaces `denied`
    nothing is allowed. Terminal phases are final, and no condition type may stand twice, as in the schema.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        """By kind, namespace and name."""
        self.faults: dict[str, list[Fault | None]] = {}
        self.calls: list[tuple[str, Any]] = []
        self.denied: set[str] = set()
        self.changed = asyncio.Event()
        """Set at every call and every change of an object."""
        self._version = 0

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that a call or a change brings about."""
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    def put(self, kind: str, obj: Json) -> Json:
        self._version += 1
        stored = copy.deepcopy(obj)
        stored["metadata"]["resourceVersion"] = str(self._version)
        metadata = stored["metadata"]
        self.objects[kind, metadata["namespace"], metadata["name"]] = stored
        self.changed.set()
        return copy.deepcopy(stored)

    def patches(self) -> list[Any]:
        """The bodies of all JSON patches, without their tests, as path → value."""
        return [
            {one["path"]: one.get("value") for one in body if one["op"] != "test"}
            for verb, body in self.calls
            if verb == "json_patch"
        ]

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        def act() -> Json:
            if (kind.plural, namespace, body["metadata"]["name"]) in self.objects:
                raise AlreadyExistsError("exists", 409)
            return self.put(kind.plural, body | {"metadata": body["metadata"] | {"namespace": namespace}})

        return await self._call("create", namespace, body, act)

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        return await self._call("get", namespace, name, lambda: copy.deepcopy(self._find(kind, namespace, name)))

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        raise NotImplementedError

    def watch(self, kind: Kind, scope: Scope, resource_version: str) -> AsyncIterator[Event]:
        raise NotImplementedError

    async def merge_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Json,
        subresource: str = "",  # noqa: ARG002 - the protocol's
    ) -> Json:
        def act() -> Json:
            found = self._find(kind, namespace, name)
            version = body.get("metadata", {}).get("resourceVersion")
            if version not in (None, found["metadata"]["resourceVersion"]):
                raise ConflictError("changed", 409)
            return self.put(kind.plural, _merge(found, body))

        return await self._call("merge_patch", namespace, body, act)

    async def json_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        operations: list[Json],
        subresource: str = "",  # noqa: ARG002 - the protocol's
    ) -> Json:
        def act() -> Json:
            found = self._find(kind, namespace, name)
            try:
                patched = jsonpatch.apply_patch(found, operations)
            except jsonpatch.JsonPatchException as error:
                raise InvalidError(str(error), 422) from error
            old, new = found["status"]["phase"], patched["status"]["phase"]
            kinds = [one["type"] for one in patched["status"].get("conditions", [])]
            if (old in ("Completed", "Failed") and old != new) or len(kinds) != len(set(kinds)):
                raise InvalidError("refused by the schema", 422)
            return self.put(kind.plural, patched)

        return await self._call("json_patch", namespace, operations, act)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        raise NotImplementedError

    def _find(self, kind: Kind, namespace: str, name: str) -> Json:
        if (kind.plural, namespace, name) not in self.objects:
            raise NotFoundError(f"no {namespace}/{name}", 404)
        return self.objects[kind.plural, namespace, name]

    async def _call(self, verb: str, namespace: str, body: Any, act: Callable[[], Json]) -> Json:
        self.calls.append((verb, copy.deepcopy(body)))
        self.changed.set()
        await asyncio.sleep(0)
        if namespace in self.denied:
            raise ForbiddenError(f"{verb} in {namespace} is forbidden", 403)
        planned = self.faults.get(verb)
        fault = planned.pop(0) if planned else None
        if fault is None:
            return act()
        if fault.applied:
            act()
        raise fault.error


def _merge(target: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


class HandClock:
    """A clock that stands still but for its sleeps, which take no real time."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return 1000.0 + self.passed_s

    async def sleep(self, seconds: float) -> None:
        self.passed_s += seconds
        await asyncio.sleep(0)


class StandingClock(HandClock):
    """A clock that stands still: who sleeps does so until `wake` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.wake.wait()
        await super().sleep(seconds)


def job(
    name: str = "a", *, namespace: str = "n", attempt: int = 1, spec: Json | None = None, **status: object
) -> Json:
    """A job that was claimed for this process and waits; namesakes of two namespaces have uids of their own."""
    return {
        "apiVersion": "picshapes.io/v1alpha1",
        "kind": "GenerationJob",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"00000000-0000-0000-0000-00000000{ord(namespace[0]) - ord('n') & 0xFF:02x}{ord(name[0]):02x}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T12:00:00Z",
        },
        "spec": {"prompt": "a red circle", "model": "flux-schnell", "tier": "basic"} | (spec or {}),
        "status": {
            "phase": "Claimed",
            "attempt": attempt,
            "workerName": "w",
            "workerID": WORKER_ID,
            "claimedAt": "2026-01-01T12:00:01Z",
            "resolved": {
                "model": "flux-schnell",
                "tier": "basic",
                "width": 256,
                "height": 256,
                "steps": 4,
                "minVramMiB": 400,
            },
            "conditions": [
                {
                    "type": "Scheduled",
                    "status": "True",
                    "reason": "Claimed",
                    "message": "claimed by w",
                    "lastTransitionTime": "2026-01-01T12:00:01Z",
                }
            ],
        }
        | status,
    }


def make_context(
    cluster: MemoryCluster,
    folder: Path,
    clock: HandClock,
    host: EngineHost,
    limits: dict[str, int] | None = None,
) -> WorkerContext:
    """A worker's surroundings; `limits` takes in what it says of its device's memory."""
    return WorkerContext(
        cluster=cluster,
        namespace="n",
        store=PictureStore(folder.as_uri()),
        host=host,
        catalogue=Catalogue.load("demo"),
        clock=clock,
        rng=random.Random(0),
        metrics=Metrics(CollectorRegistry()),
        models_loaded=lambda _: None,
        memory=MemoryLimits(limits.update if limits is not None else lambda _: None),
        device="NVIDIA Test 1",
        public_url="https://pictures.example",
    )

"""Random calls of the API server, the same for any implementation of it, and their outcomes made comparable.

A call is drawn once and made on each side with what that side answered before: a stale version stays stale, a
job deleted and made again is another one, on both. Outcomes keep everything but what differs by nature: uids and
versions are renamed in the order in which they first appeared.
"""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from picshapes_crds import patches
from picshapes_crds.cluster import JOBS, Cluster, ClusterError, Json, Kind, ObjectList, Scope
from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob, Resolved, Result, Timings

NOW: Final = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
NAMES: Final = ("a", "b", "c")
WORKERS: Final = ("w1", "w2")
RESOLVED: Final = Resolved(model="flux-schnell", tier="basic", width=64, height=64, steps=4, min_vram_mib=400)
NOBODY: Final = "00000000-0000-0000-0000-000000000000"

SPECS: Final[tuple[Json, ...]] = (
    {"prompt": "a red circle"},
    {"prompt": "x", "model": "flux-schnell", "owner": "someone", "priority": 3},
    {"prompt": "x", "width": 128, "unknown": {"deep": 1}, "ttlSecondsAfterFinished": 5},
    {"prompt": "x", "cancelRequested": True, "outputFormat": "webp"},
    {"prompt": "  "},
    {"negativePrompt": "no prompt at all"},
    {"prompt": "x", "width": 8},
    {"prompt": "x", "priority": 1001},
    {"prompt": 7},
    {"prompt": "x", "outputFormat": "gif"},
)
LABELS: Final[tuple[Json, ...]] = ({}, {"picshapes.io/origin": "api"}, {"team": "a", "x": "y"})
MAIN_PATCHES: Final[tuple[Json, ...]] = (
    {"spec": {"cancelRequested": True}},
    {"spec": {"cancelRequested": False}},
    {"spec": {"cancelRequested": None}},
    {"spec": {"ttlSecondsAfterFinished": 60}},
    {"spec": {"ttlSecondsAfterFinished": None}},
    {"spec": {"priority": 9}},
    {"spec": {"owner": None}},
    {"spec": {"unknown": 1}},
    {"spec": None},
    {"metadata": {"labels": {"team": "b", "x": None}}},
    {"metadata": {"annotations": {"seen": "yes"}}},
    {"status": {"phase": "Failed"}},
    {},
)
STATUS_PATCHES: Final[tuple[Json, ...]] = (
    {"status": {"phase": "Completed"}},
    {"status": {"phase": "Pending"}},
    {"status": {"phase": "Running"}},
    {"status": {"attempt": 0}},
    {"status": {"attempt": -1}},
    {"status": {"progress": "half"}},
    {"status": {"unknown": 1}},
    {"status": None},
    {"spec": {"cancelRequested": True}},
    {"metadata": {"labels": {"through": "status"}}},
    {},
)
SCOPES: Final = (
    Scope("", label_selector="team=a"),
    Scope("", label_selector="picshapes.io/origin=api"),
    Scope("", label_selector="team!=a"),
    Scope("", field_selector="status.phase=Pending"),
    Scope("", field_selector="status.phase!=Failed,spec.model=flux-schnell"),
    Scope("", field_selector="status.workerName=w1"),
    Scope("", field_selector="spec.owner=someone"),
    Scope("", field_selector="metadata.name=a"),
    Scope("", field_selector="spec.prompt=x"),
    Scope(""),
)


@dataclass
class Side:
    """One implementation, what it has answered so far, and how its names for things are made comparable."""

    cluster: Cluster
    namespace: str
    answered: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    _names: dict[str, str] = field(default_factory=dict)
    _newest: int = 0

    def seen(self, name: str, back: int) -> Json | None:
        """Return what was answered about a name, so many answers ago."""
        found = self.answered[name]
        return found[max(0, len(found) - 1 - back)] if found else None

    async def outcome(self, operation: "Operation") -> Any:
        """Make a call and return its comparable outcome."""
        try:
            answer = await operation(self)
        except ClusterError as error:
            return type(error).__name__
        if isinstance(answer, ObjectList):
            assert int(answer.resource_version) >= self._newest
            return [self.comparable(one) for one in answer.items]
        if answer is not None:
            self._note(answer)
        return self.comparable(answer)

    def _note(self, answer: Json) -> None:
        metadata = answer["metadata"]
        self.answered[metadata["name"]].append(answer)
        if metadata["resourceVersion"] not in self._names:
            assert int(metadata["resourceVersion"]) > self._newest, "each write has a higher version"
            self._newest = int(metadata["resourceVersion"])

    def comparable(self, obj: Json | None) -> Any:
        """Return an object without what differs by nature."""
        if obj is None:
            return None
        kept = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        for key in ("uid", "resourceVersion"):
            kept[key] = self._names.setdefault(kept[key], f"{key} {len(self._names)}")
        return obj | {"metadata": kept | {"namespace": "", "creationTimestamp": ""}}


Operation = Callable[[Side], Awaitable[Any]]


def scoped(scope: Scope, side: Side) -> Scope:
    """Return a scope within the side's namespace."""
    return Scope(side.namespace, scope.label_selector, scope.field_selector)


def draw(rng: random.Random) -> tuple[str, Operation]:
    """Draw one call and what to call it in a failure."""
    name, back = rng.choice(NAMES), rng.choice((0, 0, 0, 1, 2))
    verb = rng.choices(_VERBS, _WEIGHTS)[0]
    return f"{verb.__name__} {name} (answer {back} back)", verb(rng, name, back)


def _create(rng: random.Random, name: str, _: int) -> Operation:
    metadata = {"name": name, "labels": rng.choice(LABELS)}
    body = {"apiVersion": JOBS.api_version, "kind": "GenerationJob", "metadata": metadata}
    body["spec"] = rng.choices(SPECS, [4, 4, 4, 2, 1, 1, 1, 1, 1, 1])[0]
    return lambda side: side.cluster.create(JOBS, side.namespace, body)


def _get(_: random.Random, name: str, __: int) -> Operation:
    return lambda side: side.cluster.get(JOBS, side.namespace, name)


def _list(rng: random.Random, _: str, __: int) -> Operation:
    scope, bare = rng.choice(SCOPES), rng.random() < 0.3
    return lambda side: side.cluster.list_all(JOBS, scoped(scope, side), metadata_only=bare)


def _patch(rng: random.Random, name: str, _: int) -> Operation:
    body = rng.choice(MAIN_PATCHES)
    return lambda side: side.cluster.merge_patch(JOBS, side.namespace, name, body)


def _raw_status(rng: random.Random, name: str, _: int) -> Operation:
    body = rng.choice(STATUS_PATCHES)
    return lambda side: side.cluster.merge_patch(JOBS, side.namespace, name, body, "status")


def _operator(rng: random.Random, name: str, back: int) -> Operation:
    worker = rng.choice(WORKERS)
    build: Callable[[GenerationJob], Json] = rng.choices(
        (
            lambda job: patches.claim(job, RESOLVED, worker, f"{worker}-process", NOW),
            lambda job: patches.requeue(job, Reason.WORKER_LOST, "lost", NOW, failed=True),
            lambda job: patches.fail(job, Reason.CANCELLED, "cancelled", NOW),
            lambda job: patches.unschedulable(job, Reason.NO_WORKER_FITS, "none", NOW),
        ),
        (6, 2, 1, 1),
    )[0]

    def write(side: Side) -> Awaitable[Any]:
        known = side.seen(name, back)
        body = build(GenerationJob.parse(known)) if known else {}
        return side.cluster.merge_patch(JOBS, side.namespace, name, body, "status")

    return write


def _worker(rng: random.Random, name: str, back: int) -> Operation:
    off = rng.choice((0, 0, 0, 0, 1))
    result = Result(key="k", sha256="0" * 64, bytes=1, content_type="image/png")
    timings = Timings(load_s=0, inference_s=1.5, encode_s=0.1, upload_s=0.1)
    outcome = patches.Outcome(NOW, NOW, 7, 4, result, "https://x/k", timings)
    build: Callable[[patches.Fence], list[Json]] = rng.choice(
        (
            lambda fence: patches.processing(fence, NOW, 7, "0/4"),
            lambda fence: patches.progress(fence, 2, 4),
            lambda fence: patches.completed(fence, outcome),
            lambda fence: patches.failed(fence, Reason.OUT_OF_MEMORY, "too small", NOW, "1/4"),
            patches.hand_back,
            lambda fence: [*fence.tests(), {"op": "remove", "path": "/status/nothing"}],
            lambda fence: [*fence.tests(), {"op": "add", "path": "/status/conditions/9", "value": {}}],
        )
    )

    def write(side: Side) -> Awaitable[Any]:
        known = side.seen(name, back) or {"metadata": {"uid": NOBODY}, "status": {"attempt": 0}}
        status = known["status"]
        fence = patches.Fence(known["metadata"]["uid"], status.get("workerID", ""), status["attempt"] + off)
        return side.cluster.json_patch(JOBS, side.namespace, name, build(fence), "status")

    return write


def _delete(_: random.Random, name: str, back: int) -> Operation:
    def write(side: Side) -> Awaitable[Any]:
        known = side.seen(name, back)
        return side.cluster.delete(JOBS, side.namespace, name, known["metadata"]["uid"] if known else NOBODY)

    return write


Verb = Callable[[random.Random, str, int], Operation]
_VERBS: Final[tuple[Verb, ...]] = (_create, _get, _list, _patch, _raw_status, _operator, _worker, _delete)
_WEIGHTS: Final = (4, 1, 2, 3, 2, 6, 6, 1)

Watched = tuple[str, Any]


async def told(side: Side, kind: Kind, scope: Scope, version: str, last: str) -> list[Watched]:
    """Watch from a version until the object `last` is told of, and return the events before."""
    seen: list[Watched] = []
    async for event in side.cluster.watch(kind, scoped(scope, side), version):
        if event.type == "BOOKMARK":
            continue
        if event.object["metadata"]["name"] == last:
            break
        seen.append((event.type, side.comparable(event.object)))
    return seen

"""The API server's objects in memory, with its versions, conflicts, validation and history. Synchronous.

One revision counts all writes, as in etcd; an object's `resourceVersion` is the revision of its last write, and a
write that changes nothing makes none. `MemoryCluster` gives it the shape of the `Cluster` protocol.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from picshapes_crds.cluster import (
    JOBS,
    PODS,
    AlreadyExistsError,
    ConflictError,
    Event,
    ExpiredError,
    InvalidError,
    Json,
    Kind,
    NotFoundError,
    ObjectList,
    Scope,
)

from .kinds import RULES
from .patching import apply, copied, merge
from .selectors import Selects, selection

_SYSTEM_FIELDS: Final = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")


@dataclass(frozen=True)
class Change:
    """One write: what an object was before and is after it."""

    kind: Kind
    revision: int
    before: Json | None
    after: Json | None


class ApiServer:
    """All objects, and what happened to them. Objects kept are never changed, only replaced."""

    def __init__(self, now: Callable[[], datetime], new_uid: Callable[[], str]) -> None:
        self._now, self._new_uid = now, new_uid
        self._objects: dict[Kind, dict[tuple[str, str], Json]] = defaultdict(dict)
        self._history: dict[Kind, list[Change]] = defaultdict(list)
        self._oldest = 0
        self._unwritten: set[str] = set()
        """Uids of new custom objects: the default of their status is shown but stored only by the first update,
        which is therefore a write even if it changes nothing."""
        self.revision = 0
        self.observers: list[Callable[[Change], None]] = []
        """Called after each write, in order."""

    def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Keep a new object."""
        name = body["metadata"]["name"]
        fresh = RULES[kind].to_create(copied(body))
        metadata = fresh["metadata"] = _tidied(fresh["metadata"])
        metadata |= {
            "namespace": namespace,
            "uid": self._new_uid(),
            "creationTimestamp": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "generation": 1,
        }
        self._refuse_faults(kind, fresh, None)
        if (namespace, name) in self._objects[kind]:
            raise AlreadyExistsError(f'{kind.plural} "{name}" already exists', 409)
        if kind == JOBS:
            self._unwritten.add(metadata["uid"])
        return self._keep(kind, None, fresh)

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return a copy of an object."""
        found: Json = copied(self._find(kind, namespace, name))
        return found

    def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Return copies of the objects of a scope, by name."""
        selects = selection(kind, scope)
        found = [one for _, one in sorted(self._objects[kind].items()) if selects(one)]
        items = [_metadata_of(one) if metadata_only else copied(one) for one in found]
        return ObjectList(items, str(self.revision))

    def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Apply a merge patch."""
        old = self._find(kind, namespace, name)
        return self._update(kind, old, merge(old, body), subresource)

    def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Apply a JSON patch."""
        old = self._find(kind, namespace, name)
        return self._update(kind, old, apply(old, operations), subresource)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Delete an object of this uid; a pod on a node is only marked unless `grace_s` is 0."""
        old = self._find(kind, namespace, name)
        if old["metadata"]["uid"] != uid:
            raise ConflictError(f"Precondition failed: UID in precondition: {uid}", 409)
        if kind == PODS:
            old = self._marked(old)
            if old["spec"].get("nodeName") and grace_s != 0:
                return
        self._record(kind, old, None)

    def position(self, kind: Kind, version: str) -> int:
        """Return where in the kind's history a watch from this version begins; `ExpiredError` when it is gone."""
        if int(version) < self._oldest:
            raise ExpiredError(f"too old resource version: {version} ({self._oldest})", 410)
        return bisect_right(self._history[kind], int(version), key=lambda change: change.revision)

    def events(self, kind: Kind, selects: Selects, position: int) -> tuple[list[Event], int]:
        """Return what a watch at this position is told next, and its position then."""
        history = self._history[kind]
        told = [event for change in history[position:] if (event := _event(change, selects))]
        return told, len(history)

    def compact(self) -> None:
        """Forget the history: every watch from an earlier version has expired."""
        self._oldest = self.revision

    def _update(self, kind: Kind, old: Json, new: Json, subresource: str) -> Json:
        metadata = new["metadata"]
        if metadata.get("resourceVersion", "") not in ("", old["metadata"]["resourceVersion"]):
            raise ConflictError(
                "the object has been modified; please apply your changes to the latest version", 409
            )
        if metadata.get("uid") != old["metadata"]["uid"]:
            raise ConflictError("Precondition failed: UID in precondition", 409)
        system = {field: old["metadata"][field] for field in _SYSTEM_FIELDS if field in old["metadata"]}
        fixed = {
            "resourceVersion": old["metadata"]["resourceVersion"],
            "generation": old["metadata"]["generation"],
        }
        kept = RULES[kind].to_update(old, new | {"metadata": _tidied(metadata | system | fixed)}, subresource)
        if kept == old and old["metadata"]["uid"] not in self._unwritten:
            unchanged: Json = copied(old)
            return unchanged
        self._refuse_faults(kind, kept, old)
        self._unwritten.discard(old["metadata"]["uid"])
        return self._keep(kind, old, kept)

    def _marked(self, pod: Json) -> Json:
        """Say on a pod that it is to be deleted, which the API server does first even when nothing runs."""
        if "deletionTimestamp" in pod["metadata"]:
            return pod
        marked = {"deletionTimestamp": self._now().strftime("%Y-%m-%dT%H:%M:%SZ")}
        self._keep(PODS, pod, pod | {"metadata": pod["metadata"] | marked})
        return self._find(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _refuse_faults(self, kind: Kind, new: Json, old: Json | None) -> None:
        if faults := list(RULES[kind].faults(new, old)):
            raise InvalidError(f"{new['metadata']['name']} is invalid: {'; '.join(faults)}", 422)

    def _keep(self, kind: Kind, old: Json | None, new: Json) -> Json:
        new["metadata"] = new["metadata"] | {"resourceVersion": str(self.revision + 1)}
        self._record(kind, old, new)
        answer: Json = copied(new)
        return answer

    def _record(self, kind: Kind, before: Json | None, after: Json | None) -> None:
        self.revision += 1
        metadata = (after or before or {})["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if after is None:
            del self._objects[kind][key]
        else:
            self._objects[kind][key] = after
        change = Change(kind, self.revision, before, after)
        self._history[kind].append(change)
        for observer in self.observers:
            observer(change)

    def _find(self, kind: Kind, namespace: str, name: str) -> Json:
        found = self._objects[kind].get((namespace, name))
        if found is None:
            raise NotFoundError(f'{kind.plural} "{name}" not found', 404)
        return found


def _event(change: Change, selects: Selects) -> Event | None:
    """Say what a watch with this selection is told of a change: leaving it looks like a deletion."""
    was = change.before is not None and selects(change.before)
    after = change.after
    if after is not None and selects(after):
        return Event("MODIFIED" if was else "ADDED", copied(after))
    if not was or change.before is None:
        return None
    version = {"resourceVersion": str(change.revision)}
    gone = copied(change.before)
    return Event("DELETED", gone | {"metadata": gone["metadata"] | version})


def _tidied(metadata: Json) -> Json:
    """Leave out empty maps, as the API server does."""
    return {key: value for key, value in metadata.items() if value not in ({}, [])}


def _metadata_of(obj: Json) -> Json:
    kind = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}
    return kind | {"metadata": copied(obj["metadata"])}

"""What sets the kinds of objects apart for the API server: what a create keeps and what an update may change.

Jobs follow the project's own custom resource definition: its structural schema is run as it is, its CEL rules
stand here in Python and are held to the real ones by the differential test.
"""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from picshapes_crds.cluster import JOBS, LEASES, PODS, Json, Kind
from picshapes_crds.phases import Phase, may_follow
from picshapes_crds.schema import MUTABLE_SPEC_FIELDS, custom_resource_definition

from .structural import Fault, checker, completer

_ROOT: Final = custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
_FIXED: Final = [name for name in _ROOT["properties"]["spec"]["properties"] if name not in MUTABLE_SPEC_FIELDS]
LONGEST_NAME: Final = 63


class Rules(Protocol):
    """How one kind is created and updated."""

    def to_create(self, body: Json) -> Json:
        """Return the new object as it is kept, without its metadata's system fields."""

    def to_update(self, old: Json, new: Json, subresource: str) -> Json:
        """Return what an update keeps of the new object; the rest stays as it was."""

    def faults(self, new: Json, old: Json | None) -> Iterator[Fault]:
        """Yield why the object is refused."""


class JobRules:
    """`GenerationJob`: schema, status subresource, rules."""

    def __init__(self) -> None:
        self._complete = {part: completer(_ROOT["properties"][part]) for part in ("spec", "status")}
        self._check = {part: checker(_ROOT["properties"][part]) for part in ("spec", "status")}

    def to_create(self, body: Json) -> Json:
        """Keep the spec; the status is the schema's default."""
        default = _ROOT["properties"]["status"]["default"]
        kept = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": body["metadata"]}
        if "spec" in body:
            kept["spec"] = self._complete["spec"](body["spec"])
        return kept | {"status": self._complete["status"](default)}

    def to_update(self, old: Json, new: Json, subresource: str) -> Json:
        """Keep the status alone through the subresource, all but the status else."""
        if subresource == "status":
            status = new.get("status") or _ROOT["properties"]["status"]["default"]
            return old | {"status": self._complete["status"](status)}
        kept = {key: new[key] for key in ("apiVersion", "kind", "metadata", "spec") if key in new}
        if "spec" in kept:
            kept["spec"] = self._complete["spec"](kept["spec"])
            if kept["spec"] != old["spec"]:
                kept["metadata"] = kept["metadata"] | {"generation": old["metadata"]["generation"] + 1}
        return kept | {"status": old["status"]}

    def faults(self, new: Json, old: Json | None) -> Iterator[Fault]:
        """Yield what the schema and its rules have against the object."""
        if "spec" not in new:
            yield "spec: is required"
            return
        if old is None or new["spec"] != old["spec"]:
            bad = list(self._check["spec"](new["spec"], "spec"))
            yield from bad or self._spec_rules(new["spec"], old and old["spec"])
        if old is None or new["status"] != old["status"]:
            bad = list(self._check["status"](new["status"], "status"))
            yield from bad or self._status_rules(new["status"], old and old["status"])
        if len(new["metadata"]["name"]) > LONGEST_NAME:
            yield "metadata.name: is too long"

    def _spec_rules(self, new: Json, old: Json | None) -> Iterator[Fault]:
        if not new["prompt"].strip():
            yield "spec.prompt: is blank"
        if old is not None:
            yield from (f"spec.{name}: can't be changed" for name in _FIXED if new.get(name) != old.get(name))
            if old.get("cancelRequested") and not new.get("cancelRequested"):
                yield "spec.cancelRequested: can't be taken back"

    def _status_rules(self, new: Json, old: Json | None) -> Iterator[Fault]:
        if old is None:
            return
        before, after = Phase(old["phase"]), Phase(new["phase"])
        if before is not after and not may_follow(before, after):
            yield f"status.phase: can't go from {before} to {after}"
        if new["attempt"] < old["attempt"]:
            yield "status.attempt: never falls"


class BuiltinRules:
    """Pods and Leases: what PicShapes writes of them is taken as it is."""

    def __init__(self, status: Json | None = None) -> None:
        self._status = status

    def to_create(self, body: Json) -> Json:
        """Keep all but the status."""
        kept = {key: value for key, value in body.items() if key != "status"}
        return kept if self._status is None else kept | {"status": self._status}

    def to_update(self, old: Json, new: Json, subresource: str) -> Json:
        """Keep the status alone through the subresource, all but the status else."""
        if subresource == "status":
            return old | {"status": new.get("status", {})}
        kept: dict[str, Any] = {key: value for key, value in new.items() if key != "status"}
        return kept | {"status": old["status"]} if "status" in old else kept

    def faults(self, new: Json, old: Json | None) -> Iterator[Fault]:  # noqa: ARG002 - the protocol's
        """Yield nothing."""
        return iter(())


RULES: Final[dict[Kind, Rules]] = {
    JOBS: JobRules(),
    PODS: BuiltinRules({"phase": "Pending"}),
    LEASES: BuiltinRules(),
}

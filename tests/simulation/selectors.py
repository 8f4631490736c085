"""Which objects a list or watch is about: label and field selectors, as far as PicShapes uses them. Pure."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from picshapes_crds.cluster import JOBS, LEASES, PODS, InvalidError, Json, Kind, Scope
from picshapes_crds.schema import SELECTABLE_FIELDS

Selects = Callable[[Json], bool]

_ALWAYS = ("metadata.name", "metadata.namespace")
FIELDS = {
    JOBS: {*_ALWAYS, *(path.removeprefix(".") for path in SELECTABLE_FIELDS)},
    PODS: {*_ALWAYS, "spec.nodeName", "status.phase"},
    LEASES: {*_ALWAYS},
}


@lru_cache(maxsize=1024)
def selection(kind: Kind, scope: Scope) -> Selects:
    """Return the predicate of a scope; `InvalidError` for a field that can't be selected by."""
    fields = [_term(term) for term in scope.field_selector.split(",") if term]
    unknown = [path for path, _, _ in fields if path not in FIELDS[kind]]
    if unknown:
        raise InvalidError(f"field label not supported: {unknown[0]}", 400)
    labels = [_term(term) for term in scope.label_selector.split(",") if term]
    paths = [(tuple(path.split(".")), equal, value) for path, equal, value in fields]

    def selects(obj: Json) -> bool:
        if scope.namespace is not None and obj["metadata"]["namespace"] != scope.namespace:
            return False
        if any((_at(obj, path) == value) is not equal for path, equal, value in paths):
            return False
        found = obj["metadata"].get("labels") or {}
        return all((found.get(key) == value) is equal for key, equal, value in labels)

    return selects


def _term(term: str) -> tuple[str, bool, str]:
    """Split one term into what is compared, whether it must be equal, and the value."""
    if "!=" in term:
        key, _, value = term.partition("!=")
        return key, False, value
    key, _, value = term.replace("==", "=").partition("=")
    return key, True, value


def _at(obj: Any, path: tuple[str, ...]) -> str:
    """Read a field as the API server compares it: an absent one is empty."""
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)

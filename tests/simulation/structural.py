"""A structural schema at work: what the API server does with a custom object before it keeps it. Pure.

Unknown fields are dropped, defaults filled in, values checked
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
Schemas are compiled once into closures: every write of a simulation goes through them.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from picshapes_crds.cluster import Json

Fault = str
Complete = Callable[[Any], Any]
Check = Callable[[Any, str], Iterator[Fault]]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def completer(schema: Json) -> Complete:
    """Return what drops unknown fields of a value and fills in defaults; the value is not changed."""
    if "properties" in schema:
        parts = {name: completer(part) for name, part in schema["properties"].items()}
        defaults = {n: part["default"] for n, part in schema["properties"].items() if "default" in part}

        def complete_object(value: Any) -> Any:
            if not isinstance(value, dict):
                return value
            kept = {name: one for name, one in value.items() if name in parts}
            kept.update({name: one for name, one in defaults.items() if kept.get(name) is None})
            return {name: parts[name](one) for name, one in kept.items()}

        return complete_object
    if "items" in schema:
        item = completer(schema["items"])
        return lambda value: [item(one) for one in value] if isinstance(value, list) else value
    return lambda value: value


def checker(schema: Json) -> Check:
    """Return what yields everything wrong with a value."""
    types = _TYPES.get(schema.get("type", ""))
    rules = list(_rules(schema))
    parts = {name: checker(part) for name, part in schema.get("properties", {}).items()}
    required = schema.get("required", [])
    items = _items_checker(schema)

    def check(value: Any, path: str) -> Iterator[Fault]:
        if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
            yield f"{path}: is no {schema['type']}"
            return
        for rule in rules:
            if not rule(value):
                yield f"{path}: {value!r} is refused"
        if isinstance(value, dict):
            yield from (f"{path}.{name}: is required" for name in required if name not in value)
            for name, one in value.items():
                if name in parts:
                    yield from parts[name](one, f"{path}.{name}")
        if isinstance(value, list):
            yield from items(value, path)

    return check


def _items_checker(schema: Json) -> Check:
    item = checker(schema.get("items", {})) if "items" in schema else None
    keys = schema.get("x-kubernetes-list-map-keys")

    def check(value: list[Any], path: str) -> Iterator[Fault]:
        if item:
            for index, one in enumerate(value):
                yield from item(one, f"{path}[{index}]")
        if keys and len({tuple(one.get(key) for key in keys) for one in value}) < len(value):
            yield f"{path}: two entries have the same {', '.join(keys)}"

    return check


def _rules(schema: Json) -> Iterator[Callable[[Any], bool]]:
    if "enum" in schema:
        allowed = set(schema["enum"])
        yield lambda value: value in allowed
    if "pattern" in schema:
        pattern = re.compile(schema["pattern"])
        yield lambda value: pattern.search(value) is not None
    if "minimum" in schema:
        least = schema["minimum"]
        yield lambda value: value >= least
    if "maximum" in schema:
        most = schema["maximum"]
        yield lambda value: value <= most
    if "minLength" in schema or "maxLength" in schema:
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
        yield lambda value: shortest <= len(value) <= longest
    if "maxItems" in schema:
        length = schema["maxItems"]
        yield lambda value: len(value) <= length
    if schema.get("format") == "date-time":
        yield _is_time


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False

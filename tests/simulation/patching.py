"""The two kinds of patch that PicShapes sends, as the API server applies them. Pure; the target is not changed.

JSON Merge Patch is RFC 7386, JSON Patch is RFC 6902 with the operations that PicShapes uses.
"""

import marshal
from typing import Any

from picshapes_crds.cluster import InvalidError, Json


def copied(value: Any) -> Any:
    """Return a deep copy of JSON; several times faster than `copy.deepcopy`."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - its own dump, read back at once


def merge(target: Any, change: Any) -> Any:
    """Return the target with a JSON Merge Patch applied."""
    if not isinstance(change, dict):
        return copied(change)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply(target: Json, operations: list[Json]) -> Json:
    """Return the target with a JSON Patch applied; `InvalidError` when a test fails or a path leads nowhere."""
    patched: Json = copied(target)
    for operation in operations:
        _apply_one(patched, operation)
    return patched


def _apply_one(root: Json, operation: Json) -> None:
    *parents, last = [_unescaped(part) for part in operation["path"].split("/")[1:]]
    holder: Any = root
    for part in parents:
        holder = _member(holder, part, operation)
    match operation["op"]:
        case "test":
            if not _same(_member(holder, last, operation), operation["value"]):
                raise _refused(operation, "the test failed")
        case "add" if isinstance(holder, list):
            index = len(holder) if last == "-" else int(last)
            if index > len(holder):
                raise _refused(operation, "the index is past the end")
            holder.insert(index, copied(operation["value"]))
        case "add" if isinstance(holder, dict):
            holder[last] = copied(operation["value"])
        case "replace":
            _member(holder, last, operation)
            holder[int(last) if isinstance(holder, list) else last] = copied(operation["value"])
        case "remove":
            _member(holder, last, operation)
            del holder[int(last) if isinstance(holder, list) else last]
        case _:
            raise _refused(operation, "there is nothing to change")


def _member(holder: Any, part: str, operation: Json) -> Any:
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
        return holder[int(part)]
    raise _refused(operation, "there is no such member")


def _same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and bool(found == wanted)


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _refused(operation: Json, why: str) -> InvalidError:
    return InvalidError(f"{operation['op']} {operation['path']}: {why}", 422)

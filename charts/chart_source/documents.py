"""The values' models as texts: values.yaml with a sentence on each value, the JSON schema, the README. Pure."""

import json
import textwrap
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final, get_args

import yaml
from pydantic.fields import FieldInfo

from chart_source.pools import Pool
from chart_source.sections import Section
from chart_source.values import Values

WIDTH: Final = 110
HEADER: Final = (
    "# Made by `make chart` from charts/chart_source. Do not edit: give values of your own to helm with -f.\n"
)
SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def values_yaml() -> str:
    """Return values.yaml: every value with its default and a sentence above it."""
    return HEADER + "\n".join(_lines(Values(), 0)) + "\n"


def _lines(section: Section, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, field in type(section).model_fields.items():
        key, value = field.alias or name, getattr(section, name)
        if depth == 0:
            yield ""
        wrapped = textwrap.wrap(field.description or "", WIDTH - len(indent) - 2, break_on_hyphens=False)
        yield from (f"{indent}# {line}" for line in wrapped)
        if isinstance(value, Section):
            yield f"{indent}{key}:"
            yield from _lines(value, depth + 1)
        else:
            text = yaml.safe_dump({key: _plain(value)}, sort_keys=False, width=WIDTH, allow_unicode=True)
            yield from (indent + line for line in text.splitlines())


def _plain(value: Any) -> Any:
    """Return what YAML can hold; of a pool only what it says itself."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump(by_alias=True, exclude_unset=True) if isinstance(value, Section) else value


def schema_json() -> str:
    """Return the JSON schema that helm holds values to."""
    schema = {"$schema": SCHEMA_DIALECT, **_untitled(Values.model_json_schema(by_alias=True))}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _untitled(node: Any) -> Any:
    """Leave out the titles, which only repeat the names of fields."""
    if isinstance(node, list):
        return [_untitled(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _untitled(one) for key, one in node.items() if key != "title" or isinstance(one, dict)}


def readme() -> str:
    """Return the chart's README: the packaged beginning, and a table of all values."""
    beginning = resources.files("chart_source").joinpath("beginning.md").read_text(encoding="utf-8")
    pool = [row for row in _rows(Pool(name="demo"), "workerPools[].") if row.startswith("| `workerPools[].name`")]
    return "\n".join(
        [beginning, "| value | default | meaning |", "| --- | --- | --- |", *_rows(Values(), ""), *pool, ""]
    )


def _rows(section: Section, prefix: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        path, value = prefix + (field.alias or name), getattr(section, name)
        if isinstance(value, Section):
            yield from _rows(value, f"{path}.")
        else:
            shown = json.dumps(_plain(value), ensure_ascii=False).replace("|", "\\|")
            yield f"| `{path}` | `{shown}` | {_meaning(field)} |"


def _meaning(field: FieldInfo) -> str:
    words = (field.description or "").replace("|", "\\|")
    choices = get_args(field.annotation)
    unnamed = [str(one) for one in choices if isinstance(one, str) and one not in words]
    return f"{words} One of {', '.join(f'`{one}`' for one in unnamed)}." if unnamed else words

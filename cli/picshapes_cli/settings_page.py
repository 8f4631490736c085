"""`python -m picshapes_cli.settings_page [--check]`: the tables of docs/settings.md from the parts' own settings.

A setting, its default and its bounds stand once, in the `Settings` of its part. With `--check` nothing is written,
and the exit status is 1 when the page says something else.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python
from pydantic_settings import BaseSettings

import picshapes_api.settings
import picshapes_operator.settings
import picshapes_worker.settings

PAGE: Final = Path("docs/settings.md")
BEGIN: Final = "<!-- settings: made by python -m picshapes_cli.settings_page -->"
END: Final = "<!-- end of settings -->"
PARTS: Final[dict[str, type[BaseSettings]]] = {
    "API": picshapes_api.settings.Settings,
    "Operator": picshapes_operator.settings.Settings,
    "Worker": picshapes_worker.settings.Settings,
}
HEAD: Final = ("| variable | what it says | values | default |", "| --- | --- | --- | --- |")


class UndescribedSettingError(Exception):
    """A setting has no sentence that says what it is for."""


class NoTableError(Exception):
    """The page has no place for the tables."""


def table(part: type[BaseSettings]) -> str:
    """Return the settings of a part as a table in Markdown; raises `UndescribedSettingError`."""
    shapes: dict[str, Any] = part.model_json_schema(by_alias=False)["properties"]
    return "\n".join(
        (*HEAD, *(_row(part, name, field, shapes[name]) for name, field in part.model_fields.items()))
    )


def sections() -> str:
    """Return the tables of all parts, each under its heading."""
    return "\n\n".join(f"## {name}\n\n{table(part)}" for name, part in PARTS.items())


def replaced(page: str, made: str) -> str:
    """Return the page with other tables; raises `NoTableError`."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoTableError(f"the page must have a line {BEGIN} and a line {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def _row(part: type[BaseSettings], name: str, field: FieldInfo, shape: dict[str, Any]) -> str:
    if not (field.description or "").endswith("."):
        raise UndescribedSettingError(f"{part.__module__}: {name} has no sentence as its description")
    cells = (f"`{variable(part, name, field)}`", field.description, ", ".join(_values(shape)), _default(field))
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def variable(part: type[BaseSettings], name: str, field: FieldInfo) -> str:
    """Return the environment variable of a setting."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{part.model_config.get('env_prefix', '')}{name}".upper()


def _values(shape: dict[str, Any]) -> Iterator[str]:
    """Yield what a value may be: its kinds or its choices, and its bounds."""
    shapes = [one for one in shape.get("anyOf", [shape]) if one.get("type") != "null"]
    for one in shapes:
        if "enum" in one:
            yield from (f"`{choice}`" for choice in one["enum"])
        elif one.get("type") == "array":
            yield "list"
        else:
            yield {"path": "path", "password": "URL, secret"}.get(one.get("format", ""), str(one["type"]))
        bounds = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        yield from (f"{sign} {one[bound]:,g}" for bound, sign in bounds if bound in one)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "(required)"
    if field.default in (None, "", ()) or isinstance(field.default, SecretStr):
        return ""
    value = to_jsonable_python(field.default, exclude_none=True)
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def main(arguments: list[str]) -> int:
    """Write the tables, or check them; return the exit status."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = replaced(page, sections())
    if "--check" in arguments:
        if page != wanted:
            sys.stderr.write(f"not current: {PAGE}; run `python -m picshapes_cli.settings_page`\n")
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Request bodies by pydantic, and all their faults in the words of the API.

The order of a model's fields is the order of its faults.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from picshapes_api.core.errors import INVALID_REQUEST, Fault, InvalidRequestError

M = TypeVar("M", bound=BaseModel)

OURS: Final = "picshapes"
_NO_CODES: Final[Mapping[str, str]] = {}


def refused(code: str, message: str) -> PydanticCustomError:
    """Return what a validator raises; nothing of the request may stand in the message."""
    return PydanticCustomError(OURS, "{message}", {"code": code, "message": message})


def not_null(value: Any) -> Any:
    """Refuse `null`: a field without a value is left out."""
    if value is None:
        raise ValueError("null")
    return value


def whole(value: Any) -> Any:
    """Take 1024.0 for the integer that it is (JSON has one kind of number); leave the rest to the type."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def integer(value: Any) -> Any:
    """Do so, and refuse `null`."""
    return whole(not_null(value))


def without_nul(value: str, info: ValidationInfo) -> str:
    """Refuse NUL in a text that is to be stored: PostgreSQL has none."""
    if "\0" in value:
        raise refused(INVALID_REQUEST, f"{label(info.field_name)} must not contain NUL")
    return value


Integer = Annotated[int, BeforeValidator(integer)]
OptionalText = Annotated[str | None, BeforeValidator(not_null)]
OptionalInteger = Annotated[int | None, BeforeValidator(integer)]
OptionalFlag = Annotated[bool | None, BeforeValidator(not_null)]


class Body(BaseModel):
    """A request's body. Unknown fields are ignored; types are not converted."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


def read_body(model: type[M], raw: bytes, context: object = None, codes: Mapping[str, str] = _NO_CODES) -> M:
    """Read a body; raises `InvalidRequestError` with all its faults. `codes` gives fields codes of their own."""
    try:
        return model.model_validate_json(raw, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidRequestError([_fault(model, detail, codes) for detail in details]) from None


def label(field: str | None) -> str:
    """Return a field's name as sentences begin with it."""
    return str(field).replace("_", " ").capitalize()


def _fault(model: type[BaseModel], detail: ErrorDetails, codes: Mapping[str, str]) -> Fault:
    kind, context = detail["type"], detail.get("ctx", {})
    if not detail["loc"]:
        words = "Body must be a JSON object" if kind != "json_invalid" else "Body must be valid JSON"
        return Fault("", INVALID_REQUEST, words)
    field = str(detail["loc"][0])
    if kind == OURS:
        return Fault(field, context["code"], context["message"])
    return Fault(field, codes.get(field, INVALID_REQUEST), f"{label(field)} {_words(model, field, kind, context)}")


def _words(model: type[BaseModel], field: str, kind: str, context: Mapping[str, Any]) -> str:
    if kind == "missing":
        return "is required"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind in ("string_too_long", "too_long"):
        return f"must be at most {context['max_length']} characters"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty"
    if kind in ("enum", "literal_error"):
        return f"must be {context['expected']}"
    wanted = str(model.model_fields[field].annotation)
    return f"must be {'an integer' if 'int' in wanted else 'a boolean' if 'bool' in wanted else 'a string'}"

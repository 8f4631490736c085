"""What a request for a picture means: every fault in it at once, or a job with all defaults filled in.

The catalogue's rules are checked here against the same figures that `/models` shows. The contract's words are used
for its own examples; `ORDER` fixes which fault of several gives the answer its code.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from picshapes_api.core.errors import INVALID_REQUEST, Fault, InvalidRequestError
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import MAX_SEED, OutputFormat

LONGEST_PROMPT: Final = 4000
LEAST_SIDE_PX: Final = 64
TTL_S: Final = 3600
"""Seconds for which a finished job of the API stays in the cluster."""

ORDER: Final = ("", "prompt", "negative_prompt", "model", "tier", "width", "height", "seed", "output_format")
_CODES: Final = {"model": "INVALID_MODEL", "tier": "INVALID_TIER"}
_OURS: Final = "picshapes"


def _refused(code: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(_OURS, "{message}", {"code": code, "message": message})


def _not_null(value: Any) -> Any:
    """Refuse `null`: a field without a value is left out."""
    if value is None:
        raise ValueError("null")
    return value


def integer(value: Any) -> Any:
    """Take 1024.0 for the integer that it is (JSON has one kind of number); leave the rest to the type."""
    return int(value) if isinstance(value, float) and value.is_integer() else _not_null(value)


Text = Annotated[str | None, BeforeValidator(_not_null)]
Integer = Annotated[int | None, BeforeValidator(integer)]


class JobRequest(BaseModel):
    """The body of `POST /api/v1/jobs`. Unknown fields are ignored.

    Model and tier stand before the sizes, whose limits hang on them.
    """

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    prompt: str
    negative_prompt: Text = None
    model: Text = None
    tier: Text = None
    width: Integer = None
    height: Integer = None
    seed: Integer = None
    output_format: Text = None

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _prose(cls, value: str, info: ValidationInfo) -> str:
        name = _label(info.field_name)
        if not value.strip():
            raise _refused(INVALID_REQUEST, f"{name} must not be blank")
        if len(value) > LONGEST_PROMPT:
            raise _refused(INVALID_REQUEST, f"{name} must be at most {LONGEST_PROMPT} characters")
        if "\0" in value:
            raise _refused(INVALID_REQUEST, f"{name} must not contain NUL")
        return value

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str, info: ValidationInfo) -> str:
        if value not in _catalogue(info).models:
            raise _refused("INVALID_MODEL", "Invalid model")
        return value

    @field_validator("tier")
    @classmethod
    def _known_tier(cls, value: str, info: ValidationInfo) -> str:
        if value not in _catalogue(info).tiers:
            raise _refused("INVALID_TIER", "Invalid tier")
        return value

    @field_validator("width", "height")
    @classmethod
    def _size(cls, value: int, info: ValidationInfo) -> int:
        name = _label(info.field_name)
        if value < LEAST_SIDE_PX:
            raise _refused(INVALID_REQUEST, f"{name} must be at least {LEAST_SIDE_PX}")
        # A model or tier that is itself at fault has no limit to hold a size against.
        if "model" in info.data and "tier" in info.data:
            catalogue = _catalogue(info)
            model = catalogue.models[info.data["model"] or catalogue.default_model]
            if value > model.max_side_px[info.data["tier"] or catalogue.default_tier]:
                raise _refused("TIER_LIMIT_EXCEEDED", f"{name} exceeds tier maximum")
        return value

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int) -> int:
        if not 0 <= value <= MAX_SEED:
            raise _refused(INVALID_REQUEST, f"Seed must be between 0 and {MAX_SEED}")
        return value

    @field_validator("output_format")
    @classmethod
    def _format(cls, value: str) -> str:
        known = [one.value for one in OutputFormat]
        if value not in known:
            raise _refused(INVALID_REQUEST, f"Output format must be one of {', '.join(known)}")
        return value


@dataclass(frozen=True)
class Submission:
    """A request that can be served: the resource's spec with nothing left open, and the price."""

    spec: dict[str, Any]
    price: int

    @property
    def model(self) -> str:
        """The catalogue id of the model."""
        return str(self.spec["model"])


def read_request(body: bytes, catalogue: Catalogue) -> JobRequest:
    """Read a body; raises `InvalidRequestError` with all its faults."""
    try:
        return JobRequest.model_validate_json(body, context=catalogue)
    except ValidationError as error:
        faults = [_fault(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise InvalidRequestError(sorted(faults, key=lambda fault: ORDER.index(fault.field))) from None


def resolve_request(request: JobRequest, catalogue: Catalogue, owner: str, drawn_seed: int) -> Submission:
    """Fill in every default, so that a later change of the catalogue leaves the accepted job as it is."""
    model_id, tier_id = request.model or catalogue.default_model, request.tier or catalogue.default_tier
    model = catalogue.models[model_id]
    limit = model.max_side_px[tier_id]
    spec: dict[str, Any] = {
        "prompt": request.prompt,
        "model": model_id,
        "tier": tier_id,
        "width": request.width or limit,
        "height": request.height or limit,
        "steps": model.steps,
        "seed": drawn_seed if request.seed is None else request.seed,
        "outputFormat": request.output_format or OutputFormat.PNG.value,
        "owner": owner,
        "ttlSecondsAfterFinished": TTL_S,
    }
    if request.negative_prompt is not None:
        spec["negativePrompt"] = request.negative_prompt
    return Submission(spec, catalogue.tiers[tier_id].credits)


def _catalogue(info: ValidationInfo) -> Catalogue:
    catalogue: Catalogue = info.context  # type: ignore[assignment] # what `read_request` passes
    return catalogue


def _label(field: str | None) -> str:
    return str(field).replace("_", " ").capitalize()


def _fault(detail: ErrorDetails) -> Fault:
    kind = detail["type"]
    if not detail["loc"]:
        words = "Body must be a JSON object" if kind != "json_invalid" else "Body must be valid JSON"
        return Fault("", INVALID_REQUEST, words)
    field = str(detail["loc"][0])
    if kind == _OURS:
        return Fault(field, detail["ctx"]["code"], detail["ctx"]["message"])
    code = _CODES.get(field, INVALID_REQUEST)
    if kind == "missing":
        return Fault(field, code, f"{_label(field)} is required")
    wanted = "an integer" if field in ("width", "height", "seed") else "a string"
    return Fault(field, code, f"{_label(field)} must be {wanted}")

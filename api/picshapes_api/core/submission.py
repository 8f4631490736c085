"""What a request for a picture means: every fault in it at once, or a job with all defaults filled in.

The catalogue's rules are checked here against the same figures that `/models` shows. The contract's words are used
for its own examples.
"""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationInfo, field_validator

from picshapes_api.core.bodies import Body, OptionalInteger, OptionalText, label, read_body, refused, without_nul
from picshapes_api.core.errors import INVALID_MODEL, INVALID_REQUEST, INVALID_TIER, TIER_LIMIT_EXCEEDED
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import MAX_SEED, OutputFormat

LONGEST_PROMPT: Final = 4000
LEAST_SIDE_PX: Final = 64
TTL_S: Final = 3600
"""Seconds for which a finished job of the API stays in the cluster."""

_CODES: Final = {"model": INVALID_MODEL, "tier": INVALID_TIER}


class JobRequest(Body):
    """The body of `POST /api/v1/jobs`. Unknown fields are ignored.

    Model and tier stand before the sizes, whose limits hang on them.
    """

    prompt: str
    negative_prompt: OptionalText = None
    model: OptionalText = None
    tier: OptionalText = None
    width: OptionalInteger = None
    height: OptionalInteger = None
    seed: OptionalInteger = None
    output_format: OptionalText = None

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _prose(cls, value: str, info: ValidationInfo) -> str:
        name = label(info.field_name)
        if not value.strip():
            raise refused(INVALID_REQUEST, f"{name} must not be blank")
        if len(value) > LONGEST_PROMPT:
            raise refused(INVALID_REQUEST, f"{name} must be at most {LONGEST_PROMPT} characters")
        return without_nul(value, info)

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str, info: ValidationInfo) -> str:
        if value not in _catalogue(info).models:
            raise refused(INVALID_MODEL, "Invalid model")
        return value

    @field_validator("tier")
    @classmethod
    def _known_tier(cls, value: str, info: ValidationInfo) -> str:
        if value not in _catalogue(info).tiers:
            raise refused(INVALID_TIER, "Invalid tier")
        return value

    @field_validator("width", "height")
    @classmethod
    def _size(cls, value: int, info: ValidationInfo) -> int:
        name = label(info.field_name)
        if value < LEAST_SIDE_PX:
            raise refused(INVALID_REQUEST, f"{name} must be at least {LEAST_SIDE_PX}")
        # A model or tier that is itself at fault has no limit to hold a size against.
        if "model" in info.data and "tier" in info.data:
            catalogue = _catalogue(info)
            model = catalogue.models[info.data["model"] or catalogue.default_model]
            if value > model.max_side_px[info.data["tier"] or catalogue.default_tier]:
                raise refused(TIER_LIMIT_EXCEEDED, f"{name} exceeds tier maximum")
        return value

    @field_validator("seed")
    @classmethod
    def _seed(cls, value: int) -> int:
        if not 0 <= value <= MAX_SEED:
            raise refused(INVALID_REQUEST, f"Seed must be between 0 and {MAX_SEED}")
        return value

    @field_validator("output_format")
    @classmethod
    def _format(cls, value: str) -> str:
        known = [one.value for one in OutputFormat]
        if value not in known:
            raise refused(INVALID_REQUEST, f"Output format must be one of {', '.join(known)}")
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
    return read_body(JobRequest, body, catalogue, _CODES)


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

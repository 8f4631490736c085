"""From what a job asks for to what is scheduled: defaults filled in, limits held, memory need computed.

Pure. The API resolves at submission and writes all values into the spec; for jobs made with kubectl the
operator resolves when it first schedules them.
"""

from dataclasses import dataclass

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.phases import Reason
from picshapes_crds.resource import MAX_SEED, GenerationJobSpec, Resolved


@dataclass(frozen=True)
class Refusal:
    """Why the catalogue can't serve a request: a stable reason and a sentence with what would be right."""

    reason: Reason
    message: str


def resolve(spec: GenerationJobSpec, catalogue: Catalogue) -> Resolved | Refusal:
    """Fill in the defaults of a request and compute its need, or say why it is refused."""
    model = catalogue.models.get(spec.model)
    if model is None:
        return Refusal(
            Reason.UNKNOWN_MODEL, f"unknown model {spec.model}; known: {', '.join(sorted(catalogue.models))}"
        )
    if spec.tier not in catalogue.tiers:
        return Refusal(
            Reason.INVALID_SPEC, f"unknown tier {spec.tier}; known: {', '.join(sorted(catalogue.tiers))}"
        )
    limit = model.max_side_px[spec.tier]
    width, height = spec.width or limit, spec.height or limit
    for name, value in (("width", width), ("height", height)):
        if value > limit:
            message = f"{name} {value} px exceeds the {spec.tier} tier's {limit} px for {spec.model}"
            return Refusal(Reason.INVALID_SPEC, message)
    return Resolved(
        model=spec.model,
        tier=spec.tier,
        width=width,
        height=height,
        steps=spec.steps or model.steps,
        min_vram_mib=model.need_mib(width, height, negative=bool(spec.negative_prompt)),
    )


def seed_of(spec: GenerationJobSpec, uid: str) -> int:
    """Return the job's seed: the one asked for, else one drawn from its uid, the same at every attempt."""
    return drawn_seed(uid) if spec.seed is None else spec.seed


def drawn_seed(uid: str) -> int:
    """Return the seed that stands for none asked for."""
    return int(uid.replace("-", ""), 16) % (MAX_SEED + 1)

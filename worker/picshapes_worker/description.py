"""What a picture's file says of how it was made; written into it by `encoding`. Pure."""

from importlib.metadata import version
from typing import Final

from picshapes_crds.catalogue import Model
from picshapes_worker.engine import Request

SOFTWARE: Final = f"PicShapes {version('picshapes')}"
DEMO_COMMENT: Final = "Made with PicShapes' demo weights: tiny models that draw simple shapes."


def describe(request: Request, model: Model, profile: str, device: str) -> dict[str, str]:
    """Return what a picture's file says of its making; keys are PNG keywords, values any text without NUL.

    The device belongs to it: the same seed gives the same picture on the same card only. A prompt that kubectl
    applied may hold a NUL, which no PNG may: U+FFFD stands in its place.
    """
    said = {
        "Software": SOFTWARE,
        "Description": request.prompt,
        "negative_prompt": request.negative_prompt or "",
        "model": request.model,
        "weights": model.weights.revision_id,
        "seed": str(request.seed),
        "steps": str(request.steps),
        "size": f"{request.width}x{request.height}",
        "device": device,
        "Comment": DEMO_COMMENT if profile == "demo" else "",
    }
    return {key: value.replace("\0", "\ufffd") for key, value in said.items() if value}

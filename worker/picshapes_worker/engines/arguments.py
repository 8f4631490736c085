"""From a request to the pipeline's own arguments: guidance, the size on the model's grid, the crop. Pure."""

from typing import Any

from picshapes_crds.catalogue import Model
from picshapes_worker.engine import Request

Box = tuple[int, int, int, int]


def call_arguments(request: Request, model: Model) -> dict[str, Any]:
    """Return what the pipeline's call takes, but for the random generator and the callback."""
    return {
        "prompt": request.prompt,
        "width": on_grid(request.width, model.grid_px),
        "height": on_grid(request.height, model.grid_px),
        "num_inference_steps": request.steps,
        "max_sequence_length": model.max_sequence_length,
        **_guidance(request.negative_prompt, model),
    }


def on_grid(side_px: int, grid_px: int) -> int:
    """Return the next multiple of the grid: what the model can generate."""
    return -(-side_px // grid_px) * grid_px


def crop_box(made: tuple[int, int], width: int, height: int) -> Box:
    """Return the middle of a picture of size `made` that is exactly as wide and high as asked for."""
    left, top = (made[0] - width) // 2, (made[1] - height) // 2
    return left, top, left + width, top + height


def _guidance(negative: str | None, model: Model) -> dict[str, Any]:
    """Return how strongly the prompt pulls, and the negative prompt pushes.

    Flux feeds `guidance_scale` to the model and has a scale of its own for the negative prompt; Z-Image has one
    scale, which has an effect only above 0 and then runs both prompts.
    """
    if not negative:
        return {"guidance_scale": model.guidance_scale}
    scale = model.negative_guidance_scale
    if model.pipeline == "FluxPipeline":
        return {"guidance_scale": model.guidance_scale, "true_cfg_scale": scale, "negative_prompt": negative}
    return {"guidance_scale": scale, "negative_prompt": negative}

"""What a pipeline is called with."""

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.engine import Request
from picshapes_worker.engines.arguments import call_arguments, crop_box, on_grid

MODELS = Catalogue.load("demo").models


def request(model: str, negative: str | None = None) -> Request:
    return Request(model, "a circle", negative, 300, 200, steps=4, seed=7)


def test_flux_without_a_negative_prompt() -> None:
    assert call_arguments(request("flux-schnell"), MODELS["flux-schnell"]) == {
        "prompt": "a circle",
        "width": 320,
        "height": 256,
        "num_inference_steps": 4,
        "max_sequence_length": 64,
        "guidance_scale": 0.0,
    }


def test_flux_takes_a_negative_prompt_with_true_guidance() -> None:
    arguments = call_arguments(request("flux-schnell", "blue"), MODELS["flux-schnell"])

    assert arguments["negative_prompt"] == "blue"
    assert (arguments["guidance_scale"], arguments["true_cfg_scale"]) == (0.0, 3.0)


def test_z_image_runs_without_guidance_unless_there_is_a_negative_prompt() -> None:
    model = MODELS["z-image-turbo"]

    assert call_arguments(request("z-image-turbo"), model)["guidance_scale"] == 0.0
    assert "negative_prompt" not in call_arguments(request("z-image-turbo", ""), model)
    guided = call_arguments(request("z-image-turbo", "blue"), model)
    assert (guided["guidance_scale"], guided["negative_prompt"]) == (3.0, "blue")


def test_a_side_is_made_on_the_grid() -> None:
    sides = [(64, 64), (65, 64), (1440, 64), (1440, 16)]

    assert [on_grid(side, grid) for side, grid in sides] == [64, 128, 1472, 1440]


def test_the_middle_is_kept() -> None:
    assert crop_box((320, 256), 300, 200) == (10, 28, 310, 228)
    assert crop_box((256, 256), 255, 256) == (0, 0, 255, 256)

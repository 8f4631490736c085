"""Files say how they were made, in any script."""

import io
import json

import pytest
from PIL import Image

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import OutputFormat
from picshapes_worker.description import describe
from picshapes_worker.encoding import PillowPicture
from picshapes_worker.engine import Request

RED = PillowPicture(Image.new("RGB", (30, 20), (255, 0, 0)))
REQUEST = Request("flux-schnell", "ein roter Kreis ⭕ 赤い丸", "blau", 30, 20, steps=4, seed=2**53 - 1)
DEMO = Catalogue.load("demo").models["flux-schnell"]


def test_a_description_says_what_made_the_picture_and_marks_the_demo() -> None:
    assert describe(REQUEST, DEMO, "demo", "NVIDIA Test 1") == {
        "Software": "PicShapes 0.1.0",
        "Description": "ein roter Kreis ⭕ 赤い丸",
        "negative_prompt": "blau",
        "model": "flux-schnell",
        "weights": DEMO.weights.revision_id,
        "seed": "9007199254740991",
        "steps": "4",
        "size": "30x20",
        "device": "NVIDIA Test 1",
        "Comment": "Made with PicShapes' demo weights: tiny models that draw simple shapes.",
    }


def test_pictures_of_real_weights_carry_no_comment() -> None:
    assert "Comment" not in describe(REQUEST, DEMO, "real", "NVIDIA Test 1")


def test_png_carries_the_description_as_text_and_every_pixel_as_it_was() -> None:
    told = describe(REQUEST, DEMO, "demo", "NVIDIA Test 1")
    with Image.open(io.BytesIO(RED.encode(OutputFormat.PNG, told))) as file:
        assert (file.format, file.size) == ("PNG", (30, 20))
        assert file.getpixel((0, 0)) == (255, 0, 0)
        assert file.text == told  # type: ignore[attr-defined]


@pytest.mark.parametrize("output_format", [OutputFormat.JPEG, OutputFormat.WEBP])
def test_jpeg_and_webp_carry_the_description_as_exif(output_format: OutputFormat) -> None:
    told = describe(REQUEST, DEMO, "demo", "NVIDIA Test 1")
    with Image.open(io.BytesIO(RED.encode(output_format, told))) as file:
        assert (file.format, file.size) == (output_format.value.upper(), (30, 20))
        exif = file.getexif()
    comment = exif.get_ifd(0x8769)[0x9286]
    assert exif[0x0131] == "PicShapes 0.1.0"
    assert comment[:8] == b"UNICODE\x00"
    assert json.loads(comment[8:].decode("utf-16")) == told

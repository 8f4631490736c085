"""Whatever a prompt holds, the picture's file can be written, and says the prompt to whoever reads it."""

import io
import json
import zlib
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resource import OutputFormat
from picshapes_worker.description import describe
from picshapes_worker.encoding import PillowPicture
from picshapes_worker.engine import Request

GREY: Final = PillowPicture(Image.new("RGB", (8, 8)))
MODEL: Final = Catalogue.load("demo").models["flux-schnell"]
PROMPTS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
"""All that the API server lets in: it knows no half surrogate pairs."""
LONGEST: Final = {
    "emoji": "😀" * 4000,
    "control characters": "\x01" * 4000,
    "NUL": "\0" * 4000,
    "quotes": '"\\' * 2000,
    "line breaks": "\r\n" * 2000,
    "escape sequences": "\x1b[31m" * 800,
    "bidirectional overrides": "\u202e" * 4000,
    "last code points": "\U0010ffff" * 4000,
}


def file_of(prompt: str, output_format: OutputFormat) -> bytes:
    request = Request("flux-schnell", prompt, prompt, 8, 8, steps=4, seed=1)
    return GREY.encode(output_format, describe(request, MODEL, "demo", "a device"))


def comment_of(content: bytes) -> dict[str, str]:
    with Image.open(io.BytesIO(content)) as file:
        file.load()
        comment = file.getexif().get_ifd(0x8769)[0x9286]
    told: dict[str, str] = json.loads(comment[8:].decode("utf-16"))
    return told


@given(PROMPTS)
@settings(max_examples=100, deadline=None)
def test_a_png_says_every_prompt_to_the_letter_but_for_nul(prompt: str) -> None:
    with Image.open(io.BytesIO(file_of(prompt, OutputFormat.PNG))) as file:
        file.load()
        told = file.text  # type: ignore[attr-defined]
    assert told["Description"] == told["negative_prompt"] == prompt.replace("\0", "\ufffd")


@pytest.mark.parametrize("output_format", [OutputFormat.JPEG, OutputFormat.WEBP])
@given(prompt=PROMPTS)
@settings(max_examples=60, deadline=None)
def test_exif_says_every_prompt_but_for_its_control_characters(output_format: OutputFormat, prompt: str) -> None:
    kept = "".join(one if one >= " " or one in "\b\t\n\f\r" else "\ufffd" for one in prompt)
    assert comment_of(file_of(prompt, output_format))["Description"] == kept


@pytest.mark.parametrize("output_format", OutputFormat)
@pytest.mark.parametrize("prompt", LONGEST.values(), ids=LONGEST.keys())
def test_the_longest_prompts_fit_into_every_kind_of_file(prompt: str, output_format: OutputFormat) -> None:
    with Image.open(io.BytesIO(file_of(prompt, output_format))) as file:
        file.load()
        assert file.size == (8, 8)


def test_no_text_chunk_of_a_png_holds_a_nul_after_its_header() -> None:
    content = file_of("a\0b", OutputFormat.PNG)
    at, texts = 8, []
    while at < len(content):
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(content[at + 8 + length : at + 12 + length], "big")
        if kind == b"iTXt":
            keyword, _, rest = body.partition(b"\0")
            texts.append((keyword, rest[2:].split(b"\0", 2)[2]))  # past compression, language and translation
        at += 12 + length
    assert (b"Description", "a\ufffdb".encode()) in texts
    assert not any(b"\0" in text for _, text in texts)

import json
from typing import Any

import pytest

from picshapes_api.core.errors import InvalidRequestError
from picshapes_api.core.submission import Submission, read_request, resolve_request
from picshapes_crds.catalogue import Catalogue

CATALOGUE = Catalogue.load("real")


def faults(body: Any) -> list[tuple[str, str, str]]:
    """Every fault of a body, as (field, code, message)."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequestError) as refused:
        read_request(raw, CATALOGUE)
    return [(fault.field, fault.code, fault.message) for fault in refused.value.faults]


def resolved(body: Any, seed: int = 99) -> Submission:
    return resolve_request(read_request(json.dumps(body).encode(), CATALOGUE), CATALOGUE, "owner-1", seed)


def test_a_prompt_alone_gets_every_default() -> None:
    assert resolved({"prompt": "a"}) == Submission(
        {
            "prompt": "a",
            "model": "z-image-turbo",
            "tier": "basic",
            "width": 1024,
            "height": 1024,
            "steps": 8,
            "seed": 99,
            "outputFormat": "png",
            "owner": "owner-1",
            "ttlSecondsAfterFinished": 3600,
        },
        price=1,
    )


@pytest.mark.parametrize(
    ("model", "tier", "side", "price", "steps"),
    [
        ("z-image-turbo", "basic", 1024, 1, 8),
        ("z-image-turbo", "pro", 1440, 3, 8),
        ("z-image-turbo", "premium", 1536, 5, 8),
        ("flux-schnell", "basic", 1024, 1, 4),
        ("flux-schnell", "pro", 1280, 3, 4),
        ("flux-schnell", "premium", 1536, 5, 4),
    ],
)
def test_the_contracts_table_of_sizes_and_prices(model: str, tier: str, side: int, price: int, steps: int) -> None:
    made = resolved({"prompt": "a", "model": model, "tier": tier})
    assert (made.spec["width"], made.spec["height"], made.spec["steps"], made.price) == (side, side, steps, price)
    assert resolved({"prompt": "a", "model": model, "tier": tier, "width": side, "height": side}) == made
    over = {"prompt": "a", "model": model, "tier": tier, "width": side + 1}
    assert faults(over) == [("width", "TIER_LIMIT_EXCEEDED", "Width exceeds tier maximum")]


def test_width_and_height_default_each_alone() -> None:
    spec = resolved({"prompt": "a", "width": 64}).spec
    assert (spec["width"], spec["height"]) == (64, 1024)


def test_a_size_that_is_no_multiple_of_16_stays_as_it_is() -> None:
    spec = resolved({"prompt": "a", "width": 1001, "height": 77}).spec
    assert (spec["width"], spec["height"]) == (1001, 77)


def test_1024_point_0_is_an_integer_and_unknown_fields_are_ignored() -> None:
    assert resolved({"prompt": "a", "width": 512.0, "seed": 42.0, "colour": None}).spec["width"] == 512


def test_the_seed_asked_for_wins_even_if_it_is_0() -> None:
    assert resolved({"prompt": "a", "seed": 0}).spec["seed"] == 0
    assert resolved({"prompt": "a", "seed": 2**53 - 1}).spec["seed"] == 9007199254740991


def test_prompts_count_code_points() -> None:
    assert resolved({"prompt": "\N{GRINNING FACE}" * 4000}).spec["prompt"] == "\N{GRINNING FACE}" * 4000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("prompt", "INVALID_REQUEST", "Prompt is required")]),
        ({"prompt": None}, [("prompt", "INVALID_REQUEST", "Prompt must be a string")]),
        ({"prompt": 7}, [("prompt", "INVALID_REQUEST", "Prompt must be a string")]),
        ({"prompt": ""}, [("prompt", "INVALID_REQUEST", "Prompt must not be blank")]),
        ({"prompt": " \u2003\n"}, [("prompt", "INVALID_REQUEST", "Prompt must not be blank")]),
        ({"prompt": "a" * 4001}, [("prompt", "INVALID_REQUEST", "Prompt must be at most 4000 characters")]),
        ({"prompt": "a\0"}, [("prompt", "INVALID_REQUEST", "Prompt must not contain NUL")]),
        (
            {"prompt": "a", "negative_prompt": ""},
            [("negative_prompt", "INVALID_REQUEST", "Negative prompt must not be blank")],
        ),
        (
            {"prompt": "a", "negative_prompt": None},
            [("negative_prompt", "INVALID_REQUEST", "Negative prompt must be a string")],
        ),
        ({"prompt": "a", "tier": "gold"}, [("tier", "INVALID_TIER", "Invalid tier")]),
        ({"prompt": "a", "tier": None}, [("tier", "INVALID_TIER", "Tier must be a string")]),
        ({"prompt": "a", "model": "sdxl"}, [("model", "INVALID_MODEL", "Invalid model")]),
        ({"prompt": "a", "width": 63}, [("width", "INVALID_REQUEST", "Width must be at least 64")]),
        ({"prompt": "a", "width": "64"}, [("width", "INVALID_REQUEST", "Width must be an integer")]),
        ({"prompt": "a", "width": True}, [("width", "INVALID_REQUEST", "Width must be an integer")]),
        ({"prompt": "a", "width": 64.5}, [("width", "INVALID_REQUEST", "Width must be an integer")]),
        ({"prompt": "a", "width": None}, [("width", "INVALID_REQUEST", "Width must be an integer")]),
        (
            {"prompt": "a", "height": 10**30},
            [("height", "TIER_LIMIT_EXCEEDED", "Height exceeds tier maximum")],
        ),
        (
            {"prompt": "a", "seed": 2**53},
            [("seed", "INVALID_REQUEST", "Seed must be between 0 and 9007199254740991")],
        ),
        (
            {"prompt": "a", "seed": -1},
            [("seed", "INVALID_REQUEST", "Seed must be between 0 and 9007199254740991")],
        ),
        (
            {"prompt": "a", "output_format": "gif"},
            [("output_format", "INVALID_REQUEST", "Output format must be one of png, jpeg, webp")],
        ),
        ([], [("", "INVALID_REQUEST", "Body must be a JSON object")]),
        (b"", [("", "INVALID_REQUEST", "Body must be valid JSON")]),
        (b'{"prompt": "\\ud800"}', [("", "INVALID_REQUEST", "Body must be valid JSON")]),
        (b'{"prompt": "\xff"}', [("", "INVALID_REQUEST", "Body must be valid JSON")]),
        (b"[" * 100_000, [("", "INVALID_REQUEST", "Body must be valid JSON")]),
        (b'{"prompt": "a", "width": NaN}', [("width", "INVALID_REQUEST", "Width must be an integer")]),
    ],
)
def test_a_single_fault_is_named(body: Any, expected: list[tuple[str, str, str]]) -> None:
    assert faults(body) == expected


def test_all_faults_are_named_at_once_and_the_first_in_a_fixed_order_gives_the_code() -> None:
    body = {"seed": "x", "height": 2000, "width": 2000, "tier": "pro", "model": "flux-schnell", "prompt": " "}
    with pytest.raises(InvalidRequestError) as refused:
        read_request(json.dumps(body).encode(), CATALOGUE)
    assert refused.value.body() == {
        "error": "Prompt must not be blank; Width exceeds tier maximum; Height exceeds tier maximum;"
        " Seed must be an integer",
        "code": "INVALID_REQUEST",
        "errors": [
            {"field": "prompt", "code": "INVALID_REQUEST", "message": "Prompt must not be blank"},
            {"field": "width", "code": "TIER_LIMIT_EXCEEDED", "message": "Width exceeds tier maximum"},
            {"field": "height", "code": "TIER_LIMIT_EXCEEDED", "message": "Height exceeds tier maximum"},
            {"field": "seed", "code": "INVALID_REQUEST", "message": "Seed must be an integer"},
        ],
    }


def test_a_size_is_held_against_no_limit_when_the_tier_itself_is_wrong() -> None:
    assert faults({"prompt": "a", "tier": "gold", "width": 5000}) == [("tier", "INVALID_TIER", "Invalid tier")]

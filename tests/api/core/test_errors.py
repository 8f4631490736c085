"""The codes of errors: stable, and the same in the code and in both descriptions of it."""

import re
from pathlib import Path

import yaml

from picshapes_api.core.errors import FAULT_CODES, HTTP_CODES, ApiError

ROOT = Path(__file__).parents[3]


def codes() -> set[str]:
    """Every code that an answer can carry."""
    found, kinds = {ApiError.code, *FAULT_CODES, *HTTP_CODES.values()}, [ApiError]
    while kinds:
        more = kinds.pop().__subclasses__()
        found |= {kind.code for kind in more}
        kinds += more
    return found


def test_the_served_description_lists_every_code_and_no_other() -> None:
    text = yaml.safe_load((ROOT / "api/picshapes_api/openapi.yaml").read_text())["info"]["description"]
    listed = re.search(r"`code`, which is stable: ([A-Z_,\s]+)\.", text)
    assert listed is not None
    assert set(re.findall(r"[A-Z_]+", listed[1])) == codes()


def test_the_page_for_developers_has_every_code_and_no_other() -> None:
    text = (ROOT / "docs/api.md").read_text()
    table = text.partition("## Errors")[2].partition("\n## ")[0]
    rows = [row.split("|")[2] for row in table.splitlines() if re.match(r"\| \d", row)]
    assert {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)} == codes()


def test_no_two_kinds_of_error_share_a_code() -> None:
    kinds = [kind for kind in ApiError.__subclasses__() if "code" in vars(kind)]
    assert len({kind.code for kind in kinds}) == len(kinds)

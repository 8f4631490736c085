"""Whatever is in a catalogue's file: it is read, or it is refused in a sentence."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError, packaged

GOOD: dict[str, Any] = yaml.safe_load(packaged("demo"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(2**80)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | LEAVES, inner, max_size=3),
)
TAGS = st.sampled_from(
    ("int", "float", "bool", "timestamp", "binary", "set", "omap", "pairs", "null", "python/name")
)


def read(text: str) -> Catalogue | None:
    try:
        return Catalogue.parse(text)
    except InvalidCatalogueError:
        return None


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_is_refused(text: str) -> None:
    assert read(text) is None


@given(TAGS, st.text(st.characters(categories=("L", "N", "P", "S")), max_size=12))
@settings(max_examples=150, deadline=None)
def test_scalars_that_are_not_what_their_tag_says_are_refused(tag: str, text: str) -> None:
    assert read(f"profile: !!{tag} {text}") is None
    assert read(f"default_tier: {text}") is None


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "a: 2026-13-45", "&a [*a]", "a: !!int ''", "a: !!timestamp x", "a: !!float x", "\x00", "a: *b"],
    ids=["deep", "13th month", "itself", "empty int", "timestamp", "float", "NUL", "unknown anchor"],
)
def test_what_a_reader_of_yaml_stumbles_over_is_refused(text: str) -> None:
    assert read(text) is None


@given(st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_good_catalogue_with_any_value_changed_is_read_or_refused(data: st.DataObject) -> None:
    changed = copy.deepcopy(GOOD)
    place: Any = changed
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(VALUES)
    found = read(yaml.safe_dump(changed))
    assert found is None or set(found.models) <= {str(name) for name in changed["models"]}


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_a_file_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidCatalogueError):
        Catalogue.load(str(file))


@pytest.mark.parametrize("source", ["", "a\x00b", "/", "/nowhere/catalogue.yaml", "x" * 5000])
def test_what_names_no_file_is_refused(source: str) -> None:
    with pytest.raises(InvalidCatalogueError):
        Catalogue.load(source)

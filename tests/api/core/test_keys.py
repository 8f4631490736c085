import pytest

from picshapes_api.core.keys import bearer_key, is_key, key_sha256, new_key


def test_a_key_is_256_bits_in_43_characters() -> None:
    assert new_key(lambda count: b"\xff" * count) == "uk_" + "_" * 42 + "8"


def test_what_is_stored_is_the_sha256_of_the_key() -> None:
    assert key_sha256("uk_a") == "3f9a4962e474e2fabf2346b44c8a0de6a271d7495a970269addf2e68cbc18334"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer uk_aaaaaaaaaaaaaaaaaaaaaaa", "uk_aaaaaaaaaaaaaaaaaaaaaaa"),
        ("bearer  uk_aaaaaaaaaaaaaaaaaaaaaaa", "uk_aaaaaaaaaaaaaaaaaaaaaaa"),
        ("Basic uk_aaaaaaaaaaaaaaaaaaaaaaa", None),
        ("uk_aaaaaaaaaaaaaaaaaaaaaaa", None),
        ("Bearer ", None),
        ("Bearer sk_aaaaaaaaaaaaaaaaaaaaaaa", None),
        (None, None),
    ],
)
def test_the_key_is_read_from_the_authorization_header(header: str | None, key: str | None) -> None:
    assert bearer_key(header) == key


@pytest.mark.parametrize("text", ["uk_short", "uk_" + "a" * 129, "uk_" + "a" * 30 + "\n", "uk_" + "ä" * 30, ""])
def test_what_can_be_no_key_is_not_looked_up(text: str) -> None:
    assert not is_key(text)

"""API keys: made of 256 random bits, shown once, kept as a hash."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final

PREFIX: Final = "uk_"
RANDOM_BYTES: Final = 32
SHOWN: Final = 11
"""Characters of a key that a list shows; 48 of its 256 bits."""

_KEY: Final = re.compile(r"uk_[A-Za-z0-9_-]{20,128}")


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new key; `random_bytes` must be fit for secrets."""
    return PREFIX + base64.urlsafe_b64encode(random_bytes(RANDOM_BYTES)).rstrip(b"=").decode()


def key_sha256(key: str) -> str:
    """Return what is stored of a key. A plain hash suffices: 256 random bits can't be guessed."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Say whether this could be a key at all."""
    return _KEY.fullmatch(text) is not None


def bearer_key(authorization: str | None) -> str | None:
    """Return the key in an `Authorization` header, or None if there is none (RFC 6750, section 2.1)."""
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(" ")
    key = key.strip(" ")
    return key if scheme.lower() == "bearer" and is_key(key) else None

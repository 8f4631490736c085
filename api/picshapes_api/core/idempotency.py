"""A client's own key for a request, with which it may repeat it: same body, same outcome, done once. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Final

from picshapes_api.core.errors import INVALID_REQUEST, Fault, InvalidRequestError

LONGEST_KEY: Final = 255
KEPT_MS: Final = 24 * 3600 * 1000
"""A key is remembered for so long."""


@dataclass(frozen=True)
class Idempotency:
    """A key, and a hash of what it must be repeated with."""

    key: str
    asked_sha256: str


def read_idempotency(key: str | None, asked: str) -> Idempotency | None:
    """Read the header `Idempotency-Key`; `asked` is what is asked for, in one order of its fields."""
    if key is None:
        return None
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        words = f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters"
        raise InvalidRequestError([Fault("Idempotency-Key", INVALID_REQUEST, words)])
    return Idempotency(key, hashlib.sha256(asked.encode()).hexdigest())

"""The users that `picshapes up` gives to a new database, and their keys, kept for the next start."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picshapes_cli.controlplane.private_files import write_private_file

KEY_BYTES: Final = 32
"""256 random bits."""


@dataclass(frozen=True)
class Keys:
    """The API keys of the first user and the first admin."""

    user: str
    admin: str


def first_users(path: Path, credit: int) -> Keys:
    """Read the keys of the first users, or draw them; the file is what the API reads at its start."""
    if not path.exists():
        users = [_user(f"{role}@localhost.localdomain", role, credit) for role in ("user", "admin")]
        write_private_file(path, json.dumps({"users": users}, indent=2).encode())
    keys = {user["role"]: user["api_key"] for user in json.loads(path.read_bytes())["users"]}
    return Keys(keys["user"], keys["admin"])


def _user(email: str, role: str, credit: int) -> dict[str, str | int]:
    key = f"uk_{secrets.token_urlsafe(KEY_BYTES)}"
    return {"email": email, "role": role, "credits": credit, "api_key": key}

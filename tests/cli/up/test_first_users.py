import json
import stat
from pathlib import Path

from picshapes_cli.up.first_users import Keys, first_users


def test_keys_are_drawn_once_and_kept_for_the_next_start(tmp_path: Path) -> None:
    drawn = first_users(tmp_path / "users.json", 1000)

    assert drawn.user != drawn.admin
    assert first_users(tmp_path / "users.json", 5) == drawn


def test_the_file_is_private_and_is_what_the_api_reads(tmp_path: Path) -> None:
    file = tmp_path / "users.json"
    keys = first_users(file, 1000)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {
        "users": [
            {"email": "user@localhost.localdomain", "role": "user", "credits": 1000, "api_key": keys.user},
            {"email": "admin@localhost.localdomain", "role": "admin", "credits": 1000, "api_key": keys.admin},
        ]
    }


def test_a_key_has_256_random_bits(tmp_path: Path) -> None:
    keys = first_users(tmp_path / "users.json", 1000)

    assert keys != Keys("", "")
    assert all(key.startswith("uk_") and len(key) == 46 for key in (keys.user, keys.admin))

"""Ids in URLs: UUIDs as the API writes them."""

from uuid import UUID


def is_id(text: str) -> bool:
    """Say whether this is a UUID in its canonical form; nothing else is the id of anything."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False

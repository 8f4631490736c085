"""Where the database is: `DATABASE_URL` read into what tortoise-orm wants."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tortoise.backends.base.config_generator import expand_db_url

from picshapes_api.storage.sqlite_engine import BUSY_TIMEOUT_S

POOL_SIZE: Final = 16
COMMAND_TIMEOUT_S: Final = 20


class InvalidDatabaseUrlError(ValueError):
    """`DATABASE_URL` names no database that PicShapes supports. The message holds no password."""


@dataclass(frozen=True)
class DatabaseUrl:
    """A database and the connections that are kept to it."""

    sqlite_path: str | None
    """`:memory:`, or a file; None for PostgreSQL."""
    connections: dict[str, Any]

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, which serves one API process only."""
        return self.sqlite_path is not None

    @property
    def reader(self) -> str:
        """The connection that reads outside transactions use."""
        return "reader" if "reader" in self.connections else "default"

    @property
    def server(self) -> dict[str, Any]:
        """What asyncpg needs for a connection of its own to PostgreSQL."""
        credentials = self.connections["default"]["credentials"]
        return {name: credentials[name] for name in ("host", "port", "user", "password", "database")}

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of tortoise-orm."""
        app = {
            "models": ["picshapes_api.storage.models"],
            "migrations": "picshapes_api.storage.migrations",
            "default_connection": "default",
        }
        return {"connections": self.connections, "apps": {"api": app}}


def parse(url: str) -> DatabaseUrl:
    """Read a database URL: `sqlite:///abs/path`, `sqlite://:memory:`, `postgres://user:password@host:port/name`."""
    if url == "sqlite://:memory:":
        return DatabaseUrl(":memory:", {"default": _sqlite(":memory:")})
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidDatabaseUrlError(f"DATABASE_URL is no URL: {error}") from error
    if parts.scheme == "sqlite":
        if parts.netloc or not Path(parts.path).is_absolute() or parts.path == "/":
            raise InvalidDatabaseUrlError(
                "DATABASE_URL for SQLite is sqlite:///absolute/path or sqlite://:memory:"
            )
        writer, reader = _sqlite(parts.path), _sqlite(parts.path)
        reader["credentials"]["query_only"] = "ON"
        return DatabaseUrl(parts.path, {"default": writer, "reader": reader})
    if parts.scheme in ("postgres", "postgresql"):
        if not parts.hostname or not parts.path.strip("/"):
            raise InvalidDatabaseUrlError("DATABASE_URL for PostgreSQL is postgres://user:password@host:port/name")
        options = {"minsize": 1, "maxsize": POOL_SIZE, "command_timeout": COMMAND_TIMEOUT_S, "timeout": 10}
        postgres = expand_db_url(url.replace(f"{parts.scheme}://", "asyncpg://", 1))
        postgres["engine"] = "picshapes_api.storage.postgres_engine"
        postgres["credentials"] = options | postgres["credentials"] | {"port": port or 5432}
        return DatabaseUrl(None, {"default": postgres})
    raise InvalidDatabaseUrlError(
        f"DATABASE_URL starts with {parts.scheme or 'nothing'}://; supported: sqlite, postgres"
    )


def _sqlite(path: str) -> dict[str, Any]:
    return {
        "engine": "picshapes_api.storage.sqlite_engine",
        "credentials": {
            "file_path": path,
            "busy_timeout": int(BUSY_TIMEOUT_S * 1000),
            "journal_mode": "WAL",
            "synchronous": "FULL",
            "foreign_keys": "ON",
        },
    }

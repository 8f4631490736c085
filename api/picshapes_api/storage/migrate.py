"""Bringing the tables up to date, at each start, by one process at a time.

Migrations only ever add (a new API and an old one share the tables during a rollout). On PostgreSQL an advisory
lock keeps processes that start together apart; an SQLite file belongs to one process already.
"""

from typing import Any, Final

import asyncpg  # type: ignore[import-untyped] # ships no types
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor

LOCK_KEY: Final = 0x7069_6373_6861_7065
"""Any number that no other program locks in this database: the letters of `picshape`."""


async def apply_migrations(context: TortoiseContext, config: dict[str, Any]) -> None:
    """Apply what is missing, under a lock."""
    connection = context.connections.get("default")
    executor = MigrationExecutor(connection, config["apps"])
    if connection.capabilities.dialect == "sqlite":
        await executor.migrate(direction="forward")
        return
    credentials = config["connections"]["default"]["credentials"]
    lock = await asyncpg.connect(
        **{key: credentials[key] for key in ("host", "port", "user", "password", "database")}
    )
    try:
        # Waits for the process that migrates now; the session's end frees it even if this process is killed.
        await lock.execute("SELECT pg_advisory_lock($1)", LOCK_KEY, timeout=600)
        await executor.migrate(direction="forward")
    finally:
        await lock.close()

"""The tables that migrations make are those that the models describe, and lists go by an index."""

from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from picshapes_api.storage.administration import USERS_PAGE
from picshapes_api.storage.database import Database, Row, Session
from picshapes_api.storage.url import parse


async def test_migrations_leave_nothing_of_the_models_undone() -> None:
    config = parse("sqlite://:memory:").config
    async with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps is not None
        detector = MigrationAutodetector(context.apps, config["apps"])
        assert [writer.operations for writer in await detector.changes()] == []


async def test_users_are_listed_by_an_index(database: Database) -> None:
    async def plan(session: Session) -> list[Row]:
        values = (2**62, "ffffffff-ffff-ffff-ffff-ffffffffffff", 20)
        if session.client.capabilities.dialect == "sqlite":
            return await session.fetch(f"EXPLAIN QUERY PLAN {USERS_PAGE}", *values)
        for other in ("seqscan", "bitmapscan"):  # better for an empty table
            await session.fetch(f"SET LOCAL enable_{other} = off")
        return await session.fetch(f"EXPLAIN {USERS_PAGE}", *values)

    shown = str(await database.snapshot(plan))
    assert "users_by_age" in shown
    assert "sort" not in shown.lower()
    assert "temp b-tree" not in shown.lower()

"""The tables that migrations make are those that the models describe, and lists go by an index."""

import pytest
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from picshapes_api.storage.administration import USERS_PAGE
from picshapes_api.storage.database import Database, Row, Session
from picshapes_api.storage.jobs import COUNT_OPEN
from picshapes_api.storage.sweep import OLD_JOBS
from picshapes_api.storage.url import parse

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
# 3,000 users; 30,000 jobs of two of them, one in a hundred still open.
CROWD = (
    """INSERT INTO users (id, email, role, credits, disabled, created_at_ms)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', 'user', 0, false, n
    FROM generate_series(1, 3000) AS n""",
    """INSERT INTO jobs (id, user_id, spec, model, price, created_at_ms, cancel_requested, status, attempt,
    closed_at_ms) SELECT gen_random_uuid(), ('00000000-0000-0000-0000-' || lpad((1 + n % 2)::text, 12, '0'))::uuid,
    '{}', 'any', 1, n, false, 'pending', 0, CASE WHEN n % 100 = 0 THEN NULL ELSE n END
    FROM generate_series(1, 30000) AS n""",
    "ANALYZE users",
    "ANALYZE jobs",
)


async def test_migrations_leave_nothing_of_the_models_undone() -> None:
    config = parse("sqlite://:memory:").config
    async with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps is not None
        detector = MigrationAutodetector(context.apps, config["apps"])
        assert [writer.operations for writer in await detector.changes()] == []


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        (USERS_PAGE, (2**62, LAST_ID, 20), "users_by_age"),
        (OLD_JOBS, (10_000, -1, -1, 500), "jobs_open"),
        (COUNT_OPEN, ("00000000-0000-0000-0000-000000000001", 10_000), "jobs_open_of_user"),
    ],
)
async def test_what_may_read_many_rows_goes_by_an_index(
    database: Database, sql: str, values: tuple[object, ...], index: str
) -> None:
    async def plan(session: Session) -> list[Row]:
        if session.client.capabilities.dialect == "sqlite":
            return await session.fetch(f"EXPLAIN QUERY PLAN {sql}", *values)
        for statement in CROWD:  # PostgreSQL plans by what the tables hold
            await session.fetch(statement)
        return await session.fetch(f"EXPLAIN {sql}", *values)

    shown = str(await database.write(plan)).lower()
    assert f"{index} " in shown
    assert "sort" not in shown
    assert "temp b-tree" not in shown

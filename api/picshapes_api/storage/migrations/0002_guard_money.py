"""What no program may do to money: a negative balance, a changed or deleted ledger entry.

Triggers, since tortoise's check constraints are not written for a table that is created in SQLite.
"""

from typing import Any, Final

from tortoise import migrations
from tortoise.migrations import operations as ops

SQLITE: Final = (
    """CREATE TRIGGER users_credits_not_negative BEFORE UPDATE OF credits ON users WHEN NEW.credits < 0
    BEGIN SELECT RAISE(ABORT, 'a balance is never negative'); END""",
    """CREATE TRIGGER ledger_not_changed BEFORE UPDATE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END""",
    """CREATE TRIGGER ledger_not_deleted BEFORE DELETE ON ledger
    BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END""",
)
POSTGRES: Final = (
    "ALTER TABLE users ADD CONSTRAINT users_credits_not_negative CHECK (credits >= 0)",
    """CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the ledger is only added to' USING ERRCODE = '23000'; END $$""",
    """CREATE TRIGGER ledger_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger()""",
)


async def guard(_: Any, schema_editor: Any) -> None:
    """Put the guards up, in the database's own words."""
    client = schema_editor.client
    for statement in SQLITE if client.capabilities.dialect == "sqlite" else POSTGRES:
        await client.execute_script(statement)


class Migration(migrations.Migration):
    """Guards on users and ledger."""

    dependencies = [("api", "0001_initial")]  # noqa: RUF012 - tortoise's own form
    operations = [ops.RunPython(guard)]  # noqa: RUF012 - as above

"""Counting a user's open jobs while they wait in the database."""

from tortoise import migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """An index of a user's jobs by their end."""

    dependencies = [("api", "0003_grant_keys")]  # noqa: RUF012 - tortoise's own form
    operations = [  # noqa: RUF012 - as above
        ops.AddIndex(model_name="Job", index=Index(fields=["user_id", "closed_at_ms"], name="jobs_open_of_user")),
    ]

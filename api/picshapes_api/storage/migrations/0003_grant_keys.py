"""Grants that may be repeated, and the order in which users are listed."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Idempotency keys of grants; an index of users by age."""

    dependencies = [("api", "0002_guard_money")]  # noqa: RUF012 - tortoise's own form
    operations = [  # noqa: RUF012 - as above
        ops.AddIndex(model_name="User", index=Index(fields=["created_at_ms", "id"], name="users_by_age")),
        ops.CreateModel(
            name="GrantKey",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("actor_id", fields.UUIDField()),
                ("idempotency_key", fields.CharField(max_length=255)),
                ("asked_sha256", fields.CharField(max_length=64)),
                ("balance", fields.BigIntField()),
                ("created_at_ms", fields.BigIntField()),
            ],
            options={
                "table": "grant_keys",
                "app": "api",
                "unique_together": (("actor_id", "idempotency_key"),),
                "indexes": [Index(fields=["created_at_ms"], name="grant_keys_by_age")],
                "pk_attr": "id",
                "table_description": "Idempotency keys of grants",
            },
            bases=["Model"],
        ),
    ]

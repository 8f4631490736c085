"""The first tables."""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    """Users, keys, jobs, ledger."""

    initial = True

    operations = [  # noqa: RUF012 - tortoise's own form
        ops.CreateModel(
            name="User",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("email", fields.CharField(unique=True, max_length=254)),
                ("display_name", fields.CharField(null=True, max_length=200)),
                ("photo_url", fields.CharField(null=True, max_length=2048)),
                ("role", fields.CharField(max_length=8)),
                ("credits", fields.BigIntField()),
                ("disabled", fields.BooleanField(default=False)),
                ("limit_per_minute", fields.IntField(null=True)),
                ("limit_per_day", fields.IntField(null=True)),
                ("created_at_ms", fields.BigIntField()),
                ("last_seen_at_ms", fields.BigIntField(null=True)),
            ],
            options={
                "table": "users",
                "app": "api",
                "pk_attr": "id",
                "table_description": "Accounts",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ApiKey",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "api.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="keys",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("sha256", fields.CharField(unique=True, max_length=64)),
                ("prefix", fields.CharField(max_length=11)),
                ("name", fields.CharField(null=True, max_length=200)),
                ("created_at_ms", fields.BigIntField()),
                ("last_used_at_ms", fields.BigIntField(null=True)),
                ("revoked_at_ms", fields.BigIntField(null=True)),
            ],
            options={
                "table": "api_keys",
                "app": "api",
                "indexes": [Index(fields=["user_id", "created_at_ms"], name="api_keys_of_user")],
                "pk_attr": "id",
                "table_description": "Keys of accounts, hashed",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Job",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "api.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="jobs",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("spec", fields.TextField(unique=False)),
                ("model", fields.CharField(max_length=63)),
                ("price", fields.IntField()),
                ("created_at_ms", fields.BigIntField()),
                ("idempotency_key", fields.CharField(null=True, max_length=255)),
                ("idempotency_sha256", fields.CharField(null=True, max_length=64)),
                ("cancel_requested", fields.BooleanField(default=False)),
                ("resource_uid", fields.CharField(null=True, max_length=36)),
                ("status", fields.CharField(default="pending", max_length=10)),
                ("started_at_ms", fields.BigIntField(null=True)),
                ("completed_at_ms", fields.BigIntField(null=True)),
                ("attempt", fields.IntField(default=0)),
                ("result_sha256", fields.CharField(null=True, max_length=64)),
                ("result_bytes", fields.BigIntField(null=True)),
                ("failure", fields.CharField(null=True, max_length=64)),
                ("closed_at_ms", fields.BigIntField(null=True)),
            ],
            options={
                "table": "jobs",
                "app": "api",
                "unique_together": (("user_id", "idempotency_key"),),
                "indexes": [
                    Index(fields=["user_id", "created_at_ms", "id"], name="jobs_of_user"),
                    Index(fields=["closed_at_ms", "created_at_ms"], name="jobs_open"),
                ],
                "pk_attr": "id",
                "table_description": "Jobs that the API accepted",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "api.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="ledger",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharField(max_length=8)),
                ("amount", fields.BigIntField()),
                ("job_id", fields.UUIDField(null=True)),
                ("reason", fields.CharField(max_length=500)),
                ("actor_id", fields.UUIDField(null=True)),
                ("created_at_ms", fields.BigIntField()),
            ],
            options={
                "table": "ledger",
                "app": "api",
                "unique_together": (("job_id", "kind"),),
                "indexes": [Index(fields=["user_id", "id"], name="ledger_of_user")],
                "pk_attr": "id",
                "table_description": "Movements of credits",
            },
            bases=["Model"],
        ),
    ]

"""The tables. Migrations are made from these types (`tortoise makemigrations`).

Times are whole milliseconds since 1970 in UTC: they sort and compare alike in both databases, and are exact in
JSON. Amounts are whole credits. What must hold whatever a program does is held by the database: one ledger
entry of a kind for each job and one job for each idempotency key by constraints here, no negative balance and no
change of the ledger by the migration `0002_guard_money`.
"""

from typing import Final

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from picshapes_api.core.idempotency import LONGEST_KEY

EMAIL_LENGTH: Final = 254
"""The longest address that can be mailed to (RFC 5321, erratum 1690)."""
KEY_PREFIX_LENGTH: Final = 11


class User(Model):
    """Who may submit jobs. `credits` is a running sum of the ledger, kept in the same transactions."""

    id = fields.UUIDField(primary_key=True)
    email = fields.CharField(max_length=EMAIL_LENGTH, unique=True)
    display_name = fields.CharField(max_length=200, null=True)
    photo_url = fields.CharField(max_length=2048, null=True)
    role = fields.CharField(max_length=8)
    credits = fields.BigIntField()
    disabled = fields.BooleanField(default=False)
    limit_per_minute = fields.IntField(null=True)
    limit_per_day = fields.IntField(null=True)
    created_at_ms = fields.BigIntField()
    last_seen_at_ms = fields.BigIntField(null=True)

    class Meta:
        """Where the rows lie."""

        table = "users"
        table_description = "Accounts"
        indexes = (Index(fields=("created_at_ms", "id"), name="users_by_age"),)


class ApiKey(Model):
    """A key of a user: only its SHA-256 is kept, and its first characters to tell keys apart in a list."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "api.User", related_name="keys", on_delete=fields.OnDelete.CASCADE
    )
    sha256 = fields.CharField(max_length=64, unique=True)
    prefix = fields.CharField(max_length=KEY_PREFIX_LENGTH)
    name = fields.CharField(max_length=200, null=True)
    created_at_ms = fields.BigIntField()
    last_used_at_ms = fields.BigIntField(null=True)
    revoked_at_ms = fields.BigIntField(null=True)

    class Meta:
        """Where the rows lie."""

        table = "api_keys"
        table_description = "Keys of accounts, hashed"
        indexes = (Index(fields=("user_id", "created_at_ms"), name="api_keys_of_user"),)


class Job(Model):
    """A job that the API accepted. Its id is public: it names the resource, the URL and the object.

    `resource_uid` is absent until anything shows that the resource exists; `closed_at_ms` is set once, by the
    one transaction that also refunds.
    """

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "api.User", related_name="jobs", on_delete=fields.OnDelete.RESTRICT
    )
    spec = fields.TextField()
    model = fields.CharField(max_length=63)
    price = fields.IntField()
    created_at_ms = fields.BigIntField()
    idempotency_key = fields.CharField(max_length=LONGEST_KEY, null=True)
    idempotency_sha256 = fields.CharField(max_length=64, null=True)
    cancel_requested = fields.BooleanField(default=False)
    resource_uid = fields.CharField(max_length=36, null=True)
    status = fields.CharField(max_length=10, default="pending")
    started_at_ms = fields.BigIntField(null=True)
    completed_at_ms = fields.BigIntField(null=True)
    attempt = fields.IntField(default=0)
    result_sha256 = fields.CharField(max_length=64, null=True)
    result_bytes = fields.BigIntField(null=True)
    failure = fields.CharField(max_length=64, null=True)
    closed_at_ms = fields.BigIntField(null=True)

    class Meta:
        """Where the rows lie."""

        table = "jobs"
        table_description = "Jobs that the API accepted"
        unique_together = (("user_id", "idempotency_key"),)
        indexes = (
            Index(fields=("user_id", "created_at_ms", "id"), name="jobs_of_user"),
            Index(fields=("closed_at_ms", "created_at_ms"), name="jobs_open"),
            Index(fields=("user_id", "closed_at_ms"), name="jobs_open_of_user"),
        )


class LedgerEntry(Model):
    """One movement of credits; rows are only ever added."""

    id = fields.BigIntField(primary_key=True, generated=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "api.User", related_name="ledger", on_delete=fields.OnDelete.RESTRICT
    )
    kind = fields.CharField(max_length=8)
    amount = fields.BigIntField()
    job_id = fields.UUIDField(null=True)
    reason = fields.CharField(max_length=500)
    actor_id = fields.UUIDField(null=True)
    created_at_ms = fields.BigIntField()

    class Meta:
        """Where the rows lie."""

        table = "ledger"
        table_description = "Movements of credits"
        unique_together = (("job_id", "kind"),)
        indexes = (Index(fields=("user_id", "id"), name="ledger_of_user"),)


class GrantKey(Model):
    """An idempotency key of an administrator's grant, with what the grant was answered; kept for a day."""

    id = fields.UUIDField(primary_key=True)
    actor_id = fields.UUIDField()
    idempotency_key = fields.CharField(max_length=LONGEST_KEY)
    asked_sha256 = fields.CharField(max_length=64)
    balance = fields.BigIntField()
    created_at_ms = fields.BigIntField()

    class Meta:
        """Where the rows lie."""

        table = "grant_keys"
        table_description = "Idempotency keys of grants"
        unique_together = (("actor_id", "idempotency_key"),)
        indexes = (Index(fields=("created_at_ms",), name="grant_keys_by_age"),)

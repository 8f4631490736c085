"""An accepted job as its row says, for all that read rows."""

import json
from dataclasses import dataclass
from typing import Any, Final

from picshapes_api.core.job_view import JobFacts, Outcome
from picshapes_api.storage.database import Row

COLUMNS: Final = (
    "id, user_id, spec, price, created_at_ms, cancel_requested, resource_uid, status, attempt, started_at_ms,"
    " completed_at_ms, result_sha256, result_bytes, failure, closed_at_ms"
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """An accepted job."""

    facts: JobFacts
    user_id: str
    price: int
    cancel_requested: bool
    resource_uid: str | None
    closed: bool


def job_of(row: Row) -> JobRow:
    """Read a job's row."""
    outcome = Outcome(
        status=row["status"],
        attempt=row["attempt"],
        started_at_ms=row["started_at_ms"],
        completed_at_ms=row["completed_at_ms"],
        result_sha256=row["result_sha256"],
        result_bytes=row["result_bytes"],
        failure=row["failure"],
    )
    spec: dict[str, Any] = json.loads(row["spec"])
    return JobRow(
        facts=JobFacts(str(row["id"]), spec, row["created_at_ms"], outcome),
        user_id=str(row["user_id"]),
        price=row["price"],
        cancel_requested=bool(row["cancel_requested"]),
        resource_uid=row["resource_uid"],
        closed=row["closed_at_ms"] is not None,
    )

"""What must hold once everything stands again: read from the database, the cluster and the store themselves."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped] # ships no types
import httpx

from picshapes_crds.cluster import JOBS, Json, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import TERMINAL
from picshapes_crds.resource import GenerationJob

from .load import Promises
from .site import NAMESPACE

PICTURE: Final = re.compile(r"(?P<job>[0-9a-f-]{36})/(?P<attempt>\d+)\.png")
OF_THE_SERVER: Final = ".sgwtmp"
"""Where versitygw keeps what it is about to store; one that is killed leaves it there."""
ROWS: Final = """
SELECT j.id::text, j.status, j.failure, j.price, j.closed_at_ms, j.resource_uid, j.result_sha256,
  j.idempotency_key,
  (SELECT count(*) FROM ledger l WHERE l.job_id = j.id AND l.kind = 'debit') AS debits,
  (SELECT COALESCE(sum(amount), 0) FROM ledger l WHERE l.job_id = j.id AND l.kind = 'debit') AS debited,
  (SELECT count(*) FROM ledger l WHERE l.job_id = j.id AND l.kind = 'refund') AS refunds,
  (SELECT COALESCE(sum(amount), 0) FROM ledger l WHERE l.job_id = j.id AND l.kind = 'refund') AS refunded
FROM jobs j
"""
BALANCES: Final = """
SELECT u.email, u.credits, COALESCE((SELECT sum(amount) FROM ledger l WHERE l.user_id = u.id), 0) AS total
FROM users u
"""


@dataclass
class Books:
    """Everything that is left, from where it lies."""

    rows: dict[str, Any]
    balances: list[Any]
    resources: dict[str, GenerationJob]
    """By the id under which the API knows them."""
    pictures: dict[str, bytes]

    @classmethod
    async def read(cls, database_url: str, cluster: KubeCluster, bucket: Path) -> "Books":
        """Read the three."""
        connection = await asyncpg.connect(database_url)
        try:
            rows = {row["id"]: row for row in await connection.fetch(ROWS)}
            balances = await connection.fetch(BALANCES)
        finally:
            await connection.close()
        listed = (await cluster.list_all(JOBS, Scope(NAMESPACE))).items
        jobs = [GenerationJob.parse(one) for one in listed]
        return cls(rows, balances, {job.public_id: job for job in jobs}, _pictures(bucket))

    @property
    def closed(self) -> bool:
        """Whether every job has ended, in the cluster and in the database."""
        rows = all(row["closed_at_ms"] is not None for row in self.rows.values())
        return rows and all(job.status.phase in TERMINAL for job in self.resources.values())

    def faults(self, promises: Promises) -> list[str]:
        """Return every promise that was broken."""
        return [*self._promised(promises), *self._money(), *self._ends(), *self._leftovers()]

    def _promised(self, promises: Promises) -> list[str]:
        names = {job.metadata.name for job in self.resources.values()}
        keys: dict[str, int] = {}
        for row in self.rows.values():
            keys[row["idempotency_key"]] = keys.get(row["idempotency_key"], 0) + 1
        return [
            *(f"nobody should be told: {one}" for one in promises.refused),
            *(f"the accepted job {one} is lost" for one in sorted(promises.jobs - self.rows.keys())),
            *(f"the applied job {one} is lost" for one in sorted(promises.applied - names)),
            *(f"key {key} stands for {len(ids)} jobs" for key, ids in promises.accepted.items() if len(ids) > 1),
            *(f"key {key} has {count} rows" for key, count in keys.items() if count > 1),
        ]

    def _money(self) -> list[str]:
        wrong = [
            f"{row['email']} has {row['credits']}, entries say {row['total']}"
            for row in self.balances
            if row["credits"] != row["total"] or row["credits"] < 0
        ]
        for job, row in self.rows.items():
            if row["debits"] != 1 or row["debited"] != -row["price"]:
                wrong.append(f"{job} of price {row['price']} was debited {row['debits']} times: {row['debited']}")
            whole = row["status"] == "failed" and row["failure"] != "Cancelled"
            least, most = (row["price"] if whole else 0), (0 if row["status"] == "completed" else row["price"])
            if row["refunds"] > 1 or not least <= row["refunded"] <= most:
                wrong.append(f"{job} is {row['status']} ({row['failure']}) and was refunded {row['refunded']}")
        return wrong

    def _ends(self) -> list[str]:
        wrong = [f"{job} has not ended" for job, row in self.rows.items() if row["closed_at_ms"] is None]
        for public_id, job in self.resources.items():
            row, status = self.rows.get(public_id), job.status
            if status.phase not in TERMINAL:
                wrong.append(f"{job.metadata.name} is still {status.phase}")
            if row is not None and (row["resource_uid"], row["status"]) != (
                job.metadata.uid,
                status.phase.lower(),
            ):
                wrong.append(f"{public_id} is {row['status']} in the database and {status.phase} in the cluster")
            if status.result is not None:
                wrong += self._picture(public_id, status.result.key, status.result.sha256, row)
        return wrong

    def _picture(self, job: str, key: str, sha256: str, row: Any) -> list[str]:
        content = self.pictures.get(key)
        if content is None:
            return [f"the picture {key} of {job} is gone"]
        if hashlib.sha256(content).hexdigest() != sha256 or (row is not None and row["result_sha256"] != sha256):
            return [f"the picture {key} of {job} is another one than was accepted"]
        return []

    def _leftovers(self) -> list[str]:
        """Pictures of attempts whose worker was killed may lie there until they are swept; nothing else may."""
        wrong = []
        for key in self.pictures:
            found = PICTURE.fullmatch(key)
            job = self.resources.get(found["job"]) if found else None
            if found is None:
                wrong.append(f"{key} is no picture")
            elif job is None or int(found["attempt"]) > job.status.attempt:
                wrong.append(f"the picture {key} belongs to no attempt")
        return wrong


def _pictures(bucket: Path) -> dict[str, bytes]:
    paths = [path for path in bucket.rglob("*") if path.is_file() and OF_THE_SERVER not in path.parts]
    return {str(path.relative_to(bucket)): path.read_bytes() for path in paths}


async def pictures_served(api: str, key: str, told: dict[str, Json], rows: dict[str, Any]) -> AsyncIterator[str]:
    """Yield the completed jobs whose picture the API serves as it was accepted."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=api, trust_env=False, timeout=30, headers=headers) as client:
        for job, body in told.items():
            if body["status"] == "completed":
                answer = await client.get(httpx.URL(body["result_url"]).raw_path.decode())
                if answer.is_success and hashlib.sha256(answer.content).hexdigest() == rows[job]["result_sha256"]:
                    yield job

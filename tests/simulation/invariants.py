"""What must hold at every event of a run, whatever went wrong before it.

`Checks` sees every write of the API server as it happens and looks at the database after every commit. The first
violation ends the run.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from picshapes_crds.cluster import JOBS, Json
from picshapes_crds.phases import HELD, TERMINAL, Phase, may_follow
from picshapes_crds.scheduling.fit import PLACES

from .api_server import Change
from .network import Network
from .pods import NAMESPACE, Shape
from .store import Bucket

SURPLUS_S: Final = 5.0


def called(job: Json) -> str:
    """Return what people call a job: by its name, after its namespace where that isn't the parts' own."""
    metadata: Json = job["metadata"]
    own = metadata["namespace"] == NAMESPACE
    return str(metadata["name"]) if own else f"{metadata['namespace']}/{metadata['name']}"


@dataclass
class Life:
    """What happened to one resource."""

    name: str
    phase: Phase = Phase.PENDING
    reason: str | None = None
    sha256: str | None = None
    removed_by: str | None = None
    """Who deleted it: a process's name, or the world for somebody with kubectl."""


@dataclass
class Checks:
    """The invariants, and what they need to remember."""

    net: Network
    database: sqlite3.Connection
    bucket: Bucket
    worker_ids: dict[str, str] = field(default_factory=dict)
    """The `workerID` of each worker process, by the process's name."""
    watched: dict[str, frozenset[str]] = field(default_factory=dict)
    """The namespaces whose jobs a worker process watches, by its `workerID`."""
    lives: dict[str, Life] = field(default_factory=dict)
    """By uid."""
    moves: Counter[tuple[Phase, Phase]] = field(default_factory=Counter)
    violation: str | None = None
    violated_at: asyncio.Event = field(default_factory=asyncio.Event)
    referenced: set[str] = field(default_factory=set)
    """Keys of the pictures of completed jobs."""
    one_leader_since: Callable[[], float | None] = lambda: None
    """Since when exactly one operator leads, sees, and reaches the API server without faults."""
    _held: dict[str, str] = field(default_factory=dict)
    _surplus_since: dict[str, float] = field(default_factory=dict)
    _closed: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def worker_started(self, name: str, worker_id: str, shape: Shape) -> None:
        """Take in that a worker process was started."""
        self.worker_ids[name] = worker_id
        self.watched[worker_id] = frozenset((NAMESPACE, *shape.neighbours))

    def violated(self, what: str) -> None:
        """Note that an invariant does not hold."""
        if self.violation is None:
            self.violation = what
            self.net.trace.note("invariant", what)
            self.violated_at.set()

    def look_at_write(self, change: Change) -> None:
        """Judge one write of the API server."""
        if change.kind != JOBS:
            return
        before, after = change.before, change.after
        name = called(after or before or {})
        writer = self.net.writer.name if self.net.writer else "world"
        if before is None and after is not None:
            self.lives[after["metadata"]["uid"]] = Life(name)
            self.net.trace.note(writer, f"created {name}")
        elif before is not None and after is None:
            self._removed(before, writer)
        elif before is not None and after is not None:
            self._changed(before, after, writer)

    def look_at_surplus(self) -> None:
        """Judge whether workers have held more jobs than they have places for too long."""
        counts = Counter(self._held.values())
        now = self.net.loop.time()
        for worker_id in [one for one in self._surplus_since if counts[one] <= PLACES]:
            del self._surplus_since[worker_id]
        for worker_id, count in counts.items():
            if count > PLACES:
                self._surplus_since.setdefault(worker_id, now)
        since = self.one_leader_since()
        for worker_id, began in self._surplus_since.items():
            if since is not None and now - max(began, since) > SURPLUS_S:
                self.violated(f"worker {worker_id} holds {counts[worker_id]} jobs for more than {SURPLUS_S:g} s")

    def look_at_database(self) -> None:
        """Judge the books as they are committed."""
        wrong = self.database.execute(
            "SELECT u.id FROM users u WHERE u.credits < 0 OR u.credits <>"
            " (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE user_id = u.id)"
        ).fetchall()
        if wrong:
            self.violated(f"the balance of {wrong[0][0]} is not the sum of its ledger")
        rows = self.database.execute(
            "SELECT j.id, j.status, j.closed_at_ms, j.failure, j.price,"
            " (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE job_id = j.id AND kind = 'debit'),"
            " (SELECT COUNT(*) FROM ledger WHERE job_id = j.id AND kind = 'debit'),"
            " (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE job_id = j.id AND kind = 'refund'),"
            " (SELECT COUNT(*) FROM ledger WHERE job_id = j.id AND kind = 'refund') FROM jobs j"
        ).fetchall()
        for row in rows:
            self._look_at_row(*row)

    def _look_at_row(self, job_id: str, status: str, closed: int | None, failure: str | None, *money: int) -> None:
        price, debit, debits, refund, refunds = money
        if debits != 1 or debit != -price:
            self.violated(f"job {job_id} of price {price} was debited {debits} times: {debit}")
        if refunds > 1 or not 0 <= refund <= price:
            self.violated(f"job {job_id} of price {price} was refunded {refunds} times: {refund}")
        if refunds and (closed is None or status == "completed"):
            self.violated(f"job {job_id} is {status} and was refunded")
        if status == "failed" and failure != "Cancelled" and refund != price:
            self.violated(f"job {job_id} failed ({failure}) and was refunded {refund} of {price}")
        if closed is not None:
            end = (status, failure, closed, refund)
            if self._closed.setdefault(job_id, end) != end:
                self.violated(f"job {job_id} was closed as {self._closed[job_id]} and is now {end}")

    def _changed(self, before: Json, after: Json, writer: str) -> None:
        name, old, new = called(after), before["status"], after["status"]
        was, now = Phase(old["phase"]), Phase(new["phase"])
        if was is not now or old["attempt"] != new["attempt"]:
            self.moves[was, now] += 1
            self.net.trace.note(writer, f"{name}: {was} -> {now}, attempt {new['attempt']}, {new.get('workerID')}")
            if not may_follow(was, now):
                self.violated(f"{name} went from {was} to {now}")
        if new["attempt"] != old["attempt"]:
            claimed = was is Phase.PENDING and now is Phase.CLAIMED
            if not claimed or new["attempt"] != old["attempt"] + 1:
                self.violated(f"{name}'s attempt went from {old['attempt']} to {new['attempt']}, {was} to {now}")
            # Who took a worker's Lease without being one watches nothing, and isn't known here.
            watched = self.watched.get(new["workerID"])
            if watched is not None and after["metadata"]["namespace"] not in watched:
                self.violated(f"{name} was given to a worker that does not watch its namespace")
        elif now in HELD and (new.get("workerID") != old.get("workerID")):
            self.violated(f"{name} changed hands without a claim")
        if writer in self.worker_ids:
            self._judge_worker(name, old, was, writer)
        self._note_life(after, was, now)

    def _judge_worker(self, name: str, old: Json, was: Phase, writer: str) -> None:
        if was not in HELD or old.get("workerID") != self.worker_ids[writer]:
            self.violated(f"a stale write of {writer} to {name} landed: {was}, held by {old.get('workerID')}")

    def _note_life(self, after: Json, was: Phase, now: Phase) -> None:
        uid, status = after["metadata"]["uid"], after["status"]
        life = self.lives[uid]
        life.phase = now
        if now in HELD:
            self._held[uid] = status["workerID"]
        else:
            self._held.pop(uid, None)
        if now in TERMINAL and was not in TERMINAL:
            ends = [one["reason"] for one in status["conditions"] if one["type"] == "Failed"]
            life.reason = ends[0] if ends else None
            if now is Phase.COMPLETED:
                life.sha256 = status["result"]["sha256"]
                self.referenced.add(status["result"]["key"])
                if status["result"]["key"] not in self.bucket.objects:
                    self.violated(f"the picture of {life.name} is not in the store: {status['result']['key']}")
        self.look_at_surplus()

    def _removed(self, before: Json, writer: str) -> None:
        uid, status, name = before["metadata"]["uid"], before["status"], called(before)
        self.net.trace.note(writer, f"deleted {name} in {status['phase']}")
        self.lives[uid].removed_by = writer
        self._held.pop(uid, None)
        if writer != "world" and status["phase"] not in TERMINAL:
            self.violated(f"{writer} deleted {name} in {status['phase']}")
        if writer.startswith("api"):
            row = self.database.execute(
                "SELECT closed_at_ms FROM jobs WHERE id = ?", (before["metadata"]["name"],)
            ).fetchone()
            if row is None or row[0] is None:
                self.violated(f"{writer} deleted {name} before its end was recorded")

"""Bugs to be planted: each breaks one promise of the product, and a campaign must notice which.

A plant replaces a part of the code under test for as long as the patch lasts.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from picshapes_api import submitting
from picshapes_api.cluster import mirror
from picshapes_api.cluster.job_cache import Changes
from picshapes_api.cluster.mirror import Mirror
from picshapes_api.cluster.outbox import Outbox
from picshapes_api.core.job_view import JobFacts, Outcome, is_api_job
from picshapes_api.storage import accepting, closing
from picshapes_api.storage.accepting import Accepted, NewJob
from picshapes_api.storage.closing import Closing
from picshapes_api.storage.job_rows import JobRow
from picshapes_api.storage.jobs import JobStore
from picshapes_crds import patches, workers
from picshapes_crds.leadership import Leadership
from picshapes_crds.phases import Phase
from picshapes_operator import loop, roster, schedule
from picshapes_worker.assignment import Assignment
from picshapes_worker.finishing import FinishingStage
from picshapes_worker.work import Work

from .faults import Fault
from .kinds import JobRules
from .pods import NAMESPACE, NEIGHBOUR


@dataclass(frozen=True)
class Plant:
    """A bug and the words with which it is found."""

    name: str
    sow: Callable[[pytest.MonkeyPatch], None]
    found_as: re.Pattern[str]
    under: frozenset[Fault]
    """What must be done to the parts to bring it to light."""


Sow = Callable[[pytest.MonkeyPatch], None]


def _plant(name: str, found_as: str, *under: Fault) -> Callable[[Sow], Sow]:
    def add(sow: Sow) -> Sow:
        PLANTS.append(Plant(name, sow, re.compile(found_as), frozenset(under or CALMEST)))
        return sow

    return add


PLANTS: Final[list[Plant]] = []
CALMEST: Final = (Fault.WATCH_EXPIRED,)
"""For bugs that show without much being done to the parts."""
ROBBED: Final = (Fault.LEASE_LOST, Fault.TWINS)
"""What makes the operator take a worker that lives for lost."""


def all_lead(patch: pytest.MonkeyPatch) -> None:
    """Let every operator and every mirror take itself for the leader: no harm, as writes are fenced."""
    patch.setattr(Leadership, "held", lambda _: True)


@_plant("the worker's writes are not fenced", "a stale write of worker-.* landed", *ROBBED)
def _unfenced_worker(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(patches.Fence, "tests", lambda _: [])


@_plant("the operator's writes are not fenced", "attempt went from|changed hands", Fault.LAGGING)
def _unfenced_operator(patch: pytest.MonkeyPatch) -> None:
    all_lead(patch)
    patch.setattr(patches, "_fenced", lambda _, **status: {"status": status})


@_plant("phases move as anybody likes", "went from (Completed|Failed|Pending|Processing) to", Fault.LAGGING)
def _unruled(patch: pytest.MonkeyPatch) -> None:
    _unfenced_operator(patch)
    patch.setattr(JobRules, "_status_rules", lambda *_: iter(()))


@_plant("jobs of lost workers stay with them", "has not ended", Fault.WORKER_KILLED)
def _no_recovery(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loop, "recover", lambda *_, **__: None)


@_plant("the outbox places nothing", "has not ended", Fault.API_KILLED, Fault.PARTITIONED)
def _no_outbox(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_: Outbox) -> bool:
        return False

    patch.setattr(Outbox, "step", nothing)


@_plant(
    "workers are given more than they have places for",
    "holds .* jobs for more than 5 s",
    Fault.WORKER_KILLED,  # on its return it finds them all
)
def _surplus(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schedule, "PLACES", 9)
    patch.setattr(roster, "PLACES", 9)
    patch.setattr(loop, "rebalance", lambda *_: [])


@_plant("a worker runs its jobs side by side", "two jobs run on one worker at once")
def _side_by_side(patch: pytest.MonkeyPatch) -> None:
    async def run(self: Work) -> None:
        running = set()
        while (claim := await self._next()) is not None:
            running.add(asyncio.create_task(self._infer(claim)))

    patch.setattr(Work, "run", run)


@_plant("what the list of one namespace lacks counts as lost in all", "has not ended")
def _one_list_for_all(patch: pytest.MonkeyPatch) -> None:
    observe = Assignment.observe
    patch.setattr(Assignment, "observe", lambda self, observation, _: observe(self, observation))


@_plant("all workers are taken to watch all namespaces", "does not watch its namespace")
def _all_aware(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workers, "_watched", lambda *_: frozenset({NAMESPACE, NEIGHBOUR}))


@_plant("pictures of lost attempts are kept", "of no job is still there", Fault.JOB_DELETED, Fault.JOB_REPLACED)
def _kept_uploads(patch: pytest.MonkeyPatch) -> None:
    async def keep(_: FinishingStage) -> None:
        pass

    patch.setattr(FinishingStage, "_discard", keep)


@_plant("pictures are not stored", "is not in the store")
def _no_upload(patch: pytest.MonkeyPatch) -> None:
    async def pretend(*_: Any) -> bool:
        return True

    patch.setattr(FinishingStage, "_upload", pretend)


@_plant("finished resources are never deleted", "the finished .* is still there")
def _no_expiry(patch: pytest.MonkeyPatch) -> None:
    async def pretend(*_: Any) -> bool:
        return True

    patch.setattr(Mirror, "_delete", pretend)


@_plant("resources are deleted before their end is recorded", "before its end was recorded")
def _unarchived(patch: pytest.MonkeyPatch) -> None:
    write = Mirror._write

    async def delete_first(self: Mirror, changes: Changes) -> None:
        for job_id, job in changes.seen.items():
            if job.ended and is_api_job(job.resource):
                await self._delete((job_id, job.uid))
        await write(self, changes)

    patch.setattr(Mirror, "_write", delete_first)


@_plant("a failure is recorded for whatever ended", "but its resource was")
def _wrong_end(patch: pytest.MonkeyPatch) -> None:
    def end(job_id: str, job: Any) -> Closing:
        return Closing(job_id, Phase.FAILED, Outcome("failed", failure="InternalError"), resource_uid=job.uid)

    patch.setattr(mirror, "_end", end)


@_plant("debits have no entry in the ledger", "is not the sum of its ledger|was debited 0 times")
def _no_entry(patch: pytest.MonkeyPatch) -> None:
    async def only_balance(session: Any, movement: Any) -> int:
        sql = "UPDATE users SET credits = credits + $1 WHERE id = $2 RETURNING credits"
        row = await session.fetch_one(sql, movement.amount, movement.user_id)
        return int(row["credits"])

    patch.setattr(accepting, "add_entry", only_balance)


@_plant("failed jobs are not refunded", r"failed \(.*\) and was refunded 0")
def _no_refund(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "refund", lambda *_: 0)


@_plant("jobs are accepted and forgotten", "the accepted job .* is lost")
def _forgotten(patch: pytest.MonkeyPatch) -> None:
    async def accept(_: JobStore, new: NewJob) -> Accepted:
        facts = JobFacts(new.id, new.submission.spec, new.created_at_ms, Outcome("pending"))
        row = JobRow(facts, new.user_id, 1, cancel_requested=False, resource_uid=None, closed=False)
        return Accepted(row, replayed=False)

    patch.setattr(JobStore, "accept", accept)


@_plant("idempotency keys are not looked at", "jobs for the key")
def _no_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(submitting, "read_idempotency", lambda *_: None)

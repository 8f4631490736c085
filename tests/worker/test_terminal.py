"""A job ends exactly once, whatever happens to the write that ends it."""

import pytest
from tests.worker.memory import WORKER_ID, Fault, HandClock, MemoryCluster, job

from picshapes_crds.cluster import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    Json,
    NotFoundError,
    UnavailableError,
)
from picshapes_crds.patches import Fence
from picshapes_worker.context import WorkerContext
from picshapes_worker.job_name import JobName
from picshapes_worker.terminal import Ending, Standing, TerminalWrite, end_job, judge

UID = "00000000-0000-0000-0000-000000000061"
FENCE = Fence(UID, WORKER_ID, 1)
KEY = f"{UID}/1.png"
SILENCE = UnavailableError("no answer")


def completed(key: str = KEY) -> Json:
    return job("a", phase="Completed", result={"key": key, "sha256": "0" * 64})


@pytest.mark.parametrize(
    ("obj", "standing"),
    [
        (None, Standing.GONE),
        (job("a"), Standing.OURS),
        (job("a", phase="Processing"), Standing.OURS),
        (completed(), Standing.ENDED_BY_US),
        (completed("other/1.png"), Standing.NOT_OURS),
        (job("a", phase="Failed"), Standing.NOT_OURS),
        (job("a", attempt=2), Standing.NOT_OURS),
        (job("a", workerID="process-2"), Standing.NOT_OURS),
        (job("a", phase="Pending", workerID=None), Standing.NOT_OURS),
        (job("b"), Standing.GONE),
    ],
    ids=[
        "deleted",
        "claimed",
        "processing",
        "completed with our key",
        "completed with another key",
        "failed by the operator",
        "a later attempt",
        "another process",
        "requeued",
        "another job under its name",
    ],
)
def test_a_job_as_read_says_how_an_attempt_with_a_picture_stands(obj: Json | None, standing: Standing) -> None:
    assert judge(obj, FENCE, KEY) is standing


def test_any_end_of_our_attempt_is_good_enough_for_a_failure() -> None:
    assert judge(job("a", phase="Failed"), FENCE, None) is Standing.ENDED_BY_US


def write(key: str | None = KEY) -> TerminalWrite:
    operations = [
        *FENCE.tests(),
        {"op": "add", "path": "/status/phase", "value": "Completed"},
        {"op": "add", "path": "/status/result", "value": {"key": KEY}},
        {"op": "add", "path": "/status/conditions/0", "value": {"type": "Complete"}},
    ]
    return TerminalWrite(JobName("n", "a"), FENCE, operations, key)


async def end(context: WorkerContext, patience_s: float = 600) -> Ending:
    return await end_job(write(), context.clock.monotonic() + patience_s, context)


def verbs(memory: MemoryCluster) -> list[str]:
    return [verb for verb, _ in memory.calls]


async def test_an_accepted_write_is_made_once_and_nothing_is_read(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.put("generationjobs", job("a"))

    assert await end(context) is Ending.ACCEPTED
    assert verbs(memory) == ["json_patch"]


async def test_a_write_that_was_applied_but_not_answered_is_found_by_reading(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults["json_patch"] = [Fault(SILENCE, applied=True)]

    assert await end(context) is Ending.ACCEPTED
    assert verbs(memory) == ["json_patch", "get"]


async def test_a_write_that_was_not_applied_is_made_again(context: WorkerContext, memory: MemoryCluster) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults["json_patch"] = [Fault(SILENCE), Fault(ConflictError("changed", 409))]

    assert await end(context) is Ending.ACCEPTED
    assert verbs(memory) == ["json_patch", "get", "json_patch", "get", "json_patch"]


async def test_a_repeated_write_of_one_applied_unseen_counts_as_accepted(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults = {"json_patch": [Fault(SILENCE, applied=True)], "get": [Fault(SILENCE)]}

    assert await end(context) is Ending.ACCEPTED
    conditions = memory.objects["generationjobs", "n", "a"]["status"]["conditions"]
    assert [one["type"] for one in conditions] == ["Complete", "Scheduled"]


async def test_an_outage_of_minutes_does_not_lose_the_picture(
    context: WorkerContext, memory: MemoryCluster, clock: HandClock
) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults = {"json_patch": [Fault(SILENCE)] * 50, "get": [Fault(SILENCE)] * 50}

    assert await end(context) is Ending.ACCEPTED
    assert clock.passed_s > 300


async def test_a_write_is_given_up_when_the_claim_can_no_longer_be_ours(
    context: WorkerContext, memory: MemoryCluster, clock: HandClock
) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults = {"json_patch": [Fault(SILENCE)] * 99, "get": [Fault(SILENCE)] * 99}

    assert await end(context, patience_s=120) is Ending.GAVE_UP
    assert clock.passed_s <= 120


@pytest.mark.parametrize("now", [job("a", attempt=2, workerID="process-2"), job("a", phase="Failed")])
async def test_a_stale_write_is_rejected_for_ever(
    context: WorkerContext, memory: MemoryCluster, now: Json
) -> None:
    memory.put("generationjobs", now)
    before = memory.objects["generationjobs", "n", "a"]

    assert await end(context) is Ending.REJECTED
    assert memory.objects["generationjobs", "n", "a"] == before


async def test_a_write_to_a_deleted_job_is_rejected(context: WorkerContext) -> None:
    assert await end(context) is Ending.REJECTED


async def test_a_job_deleted_after_an_unanswered_write_may_have_been_completed(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.faults["json_patch"] = [Fault(SILENCE)]

    assert await end(context) is Ending.UNKNOWN


async def test_a_patch_that_the_schema_refuses_is_bad(context: WorkerContext, memory: MemoryCluster) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults["json_patch"] = [Fault(InvalidError("seed must be less than 2^53", 422))]

    assert await end(context) is Ending.BAD


@pytest.mark.parametrize("error", [ForbiddenError("token expired", 401), ClusterError("teapot", 418)])
async def test_a_refusal_that_is_not_the_patchs_fault_is_tried_again(
    context: WorkerContext, memory: MemoryCluster, error: ClusterError
) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults["json_patch"] = [Fault(error)]

    assert await end(context) is Ending.ACCEPTED


async def test_a_job_that_vanishes_after_a_refusal_may_have_been_completed_by_a_write_that_arrived_twice(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.put("generationjobs", job("a", attempt=2))
    memory.faults["get"] = [Fault(NotFoundError("gone", 404))]

    assert await end(context) is Ending.UNKNOWN


async def test_a_job_replaced_under_its_name_after_an_unanswered_write_may_have_been_completed(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    successor = job("b")
    memory.put("generationjobs", successor | {"metadata": successor["metadata"] | {"name": "a"}})
    memory.faults["json_patch"] = [Fault(SILENCE)]

    assert await end(context) is Ending.UNKNOWN

"""What a running job's status says of it, and when."""

import asyncio
from datetime import UTC, datetime

import pytest
from tests.worker.memory import WORKER_ID, Fault, MemoryCluster, job

from picshapes_crds.cluster import JOBS, InvalidError
from picshapes_crds.patches import Fence, progress
from picshapes_worker.context import WorkerContext
from picshapes_worker.control import Control
from picshapes_worker.job_name import JobName
from picshapes_worker.reporter import HOUSE_PACE, Pace, Reporter, Subject

SUBJECT = Subject(
    JobName("n", "a"),
    Fence(job("a")["metadata"]["uid"], WORKER_ID, 1),
    datetime(2026, 1, 1, 12, 0, tzinfo=UTC),
    7,
    20,
)
FAST = Pace(0.0, 0.01, 0.01)


def test_processing_is_told_after_one_second_and_progress_every_two_after_five() -> None:
    assert Pace(processing_after_s=1.0, progress_after_s=5.0, progress_every_s=2.0) == HOUSE_PACE


async def test_a_job_that_ends_before_the_first_write_is_not_reported(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    reporter = Reporter(SUBJECT, Control(1e9, context.clock), context)
    await reporter.end()

    assert memory.patches() == []


async def test_a_job_that_lasts_is_processing_and_its_steps_are_told_when_they_change(
    context: WorkerContext, memory: MemoryCluster
) -> None:
    memory.put("generationjobs", job("a"))
    control = Control(1e9, context.clock)
    reporter = Reporter(SUBJECT, control, context, FAST)
    control.on_step(2)
    await memory.until(lambda: len(memory.patches()) == 1)
    control.on_step(5)
    await memory.until(lambda: len(memory.patches()) == 2)
    await asyncio.sleep(0.05)  # several turns without a step
    await reporter.end()

    assert memory.patches() == [
        {
            "/status/phase": "Processing",
            "/status/startedAt": "2026-01-01T12:00:00.000Z",
            "/status/seed": 7,
            "/status/progress": "2/20",
        },
        {"/status/progress": "5/20"},
    ]


async def test_the_begin_is_told_again_until_it_is_written(context: WorkerContext, memory: MemoryCluster) -> None:
    memory.put("generationjobs", job("a"))
    memory.faults["json_patch"] = [Fault(InvalidError("refused", 422))]
    control = Control(1e9, context.clock)
    reporter = Reporter(SUBJECT, control, context, FAST)
    await memory.until(lambda: len(memory.calls) == 1)
    control.on_step(1)
    await memory.until(lambda: len(memory.patches()) == 2)
    await reporter.end()

    status = memory.objects["generationjobs", "n", "a"]["status"]
    assert (status["phase"], status["progress"]) == ("Processing", "1/20")


async def test_progress_that_comes_late_does_not_change_a_job_that_ended(memory: MemoryCluster) -> None:
    memory.put("generationjobs", job("a", phase="Completed", progress="20/20"))

    with pytest.raises(InvalidError):
        await memory.json_patch(JOBS, "n", "a", progress(SUBJECT.fence, 19, 20), "status")
    assert memory.objects["generationjobs", "n", "a"]["status"]["progress"] == "20/20"


async def test_the_end_waits_for_a_write_under_way(context: WorkerContext, memory: MemoryCluster) -> None:
    memory.put("generationjobs", job("a"))
    reporter = Reporter(SUBJECT, Control(1e9, context.clock), context, Pace(0.0, 600, 600))
    await memory.until(lambda: len(memory.calls) == 1)
    assert memory.objects["generationjobs", "n", "a"]["status"]["phase"] == "Claimed"
    await reporter.end()

    assert memory.objects["generationjobs", "n", "a"]["status"]["phase"] == "Processing"

"""What becomes of jobs when the engine, the store or the API server fail."""

import asyncio
from pathlib import Path

import pytest
from tests.worker.desk import A, Desk, Script, pictures, working
from tests.worker.memory import (
    WITHIN_S,
    Fault,
    HandClock,
    MemoryCluster,
    StandingClock,
    job,
    make_context,
)

from picshapes_crds.cluster import InvalidError
from picshapes_worker.engine import (
    DeviceFailedError,
    DeviceOutOfMemoryError,
    EngineHungError,
    InvalidOutputError,
    ModelUnavailableError,
)
from picshapes_worker.engine_host import InlineHost


async def test_memory_that_runs_out_is_freed_and_the_job_tried_once_more_alone(desk: Desk, engine: Script) -> None:
    engine.runs = [DeviceOutOfMemoryError("too big")]
    async with working(desk):
        desk.give(job("a"))
        assert await desk.until_ended("a") == "Completed"

    assert engine.freed == ["flux-schnell"]


async def test_memory_that_runs_out_twice_fails_the_job(desk: Desk, engine: Script) -> None:
    engine.runs = [DeviceOutOfMemoryError("too big"), DeviceOutOfMemoryError("too big")]
    async with working(desk):
        desk.give(job("a"), job("b"))
        assert await desk.until_ended("a") == "Failed"
        assert await desk.until_ended("b") == "Completed"

    assert desk.limits == {"flux-schnell": 399}
    message = "a 256x256 picture of flux-schnell needs more device memory than the worker has"
    assert desk.why("a") == ("OutOfMemory", message)


async def test_a_model_that_cannot_be_loaded_fails_the_job(desk: Desk, engine: Script) -> None:
    engine.loads = [ModelUnavailableError("no folder /secret/place")]
    async with working(desk):
        desk.give(job("a"))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("ModelUnavailable", "the worker could not load flux-schnell")


async def test_a_model_that_the_workers_catalogue_lacks_fails_the_job(desk: Desk) -> None:
    resolved = job("a")["status"]["resolved"] | {"model": "unheard-of"}
    async with working(desk):
        desk.give(job("a", resolved=resolved))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("ModelUnavailable", "the worker could not load unheard-of")


async def test_any_other_fault_fails_the_job_without_its_details(desk: Desk, engine: Script) -> None:
    engine.runs = [ZeroDivisionError("at line 7 of the secret recipe")]
    async with working(desk):
        desk.give(job("a"), job("b"))
        assert await desk.until_ended("a") == "Failed"
        assert await desk.until_ended("b") == "Completed"

    assert desk.why("a") == ("InternalError", "an internal error; the worker's log has the details")


async def test_a_store_that_fails_for_a_minute_fails_the_job(desk: Desk, tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / A).write_text("a file where the folder should be")
    async with working(desk):
        desk.give(job("a"))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("StorageFailed", "the picture could not be stored")
    assert 40 < clock.passed_s <= 60


async def test_a_terminal_write_that_the_schema_refuses_becomes_a_failure_and_the_picture_goes(
    desk: Desk, tmp_path: Path
) -> None:
    desk.memory.faults["json_patch"] = [Fault(InvalidError("status.seed: invalid", 422))]
    async with working(desk):
        desk.give(job("a"))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("InternalError", "an internal error; the worker's log has the details")
    assert pictures(tmp_path) == []


async def test_a_claim_of_a_newer_version_is_failed_at_once(desk: Desk) -> None:
    async with working(desk):
        desk.give(job("a", spec={"outputFormat": "avif"}))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("InternalError", "an internal error; the worker's log has the details")


async def test_while_one_namespace_denies_all_writes_the_jobs_of_others_go_on_and_its_own_end_once_it_allows_them(
    memory: MemoryCluster, tmp_path: Path, engine: Script
) -> None:
    clock = StandingClock()  # so that no patience runs out
    desk = Desk(make_context(memory, tmp_path, clock, InlineHost(engine)), memory, {})
    memory.denied = {"m"}
    async with working(desk):
        desk.give(
            job("a", namespace="m", claimedAt="2026-01-01T12:00:01Z"),
            job("b", namespace="m", claimedAt="2026-01-01T12:00:02Z"),
            job("a", claimedAt="2026-01-01T12:00:03Z"),
            job("b", claimedAt="2026-01-01T12:00:04Z"),
        )
        assert await desk.until_ended("b") == "Completed"
        assert desk.status("a")["phase"] == "Completed"
        assert {desk.status(name, "m")["phase"] for name in "ab"} == {"Claimed"}
        memory.denied = set()
        clock.wake.set()
        assert await desk.until_ended("a", "m") == "Completed"
        assert await desk.until_ended("b", "m") == "Completed"


async def test_an_output_that_is_no_picture_fails_the_job(desk: Desk, engine: Script) -> None:
    engine.runs = [InvalidOutputError("3 of 196608 values are not finite")]
    async with working(desk):
        desk.give(job("a"), job("b"))
        assert await desk.until_ended("a") == "Failed"
        assert await desk.until_ended("b") == "Completed"

    assert desk.why("a") == ("InvalidOutput", "the model gave no picture: not-a-number or all black")
    assert "progress" not in desk.status("a")  # so that all of its price is refunded


@pytest.mark.parametrize("error", [DeviceFailedError("CUDA error: 700"), EngineHungError("no step")])
async def test_a_broken_engine_ends_the_worker_which_hands_back_what_waits_and_leaves_the_guilty_job_to_its_loss(
    desk: Desk, engine: Script, error: Exception
) -> None:
    engine.runs = [None, error]
    desk.give(job("a"), job("b", claimedAt="2026-01-01T12:00:02Z"), job("c", claimedAt="2026-01-01T12:00:03Z"))
    with pytest.raises(type(error)):
        async with asyncio.timeout(WITHIN_S):
            await desk.work.run()

    assert desk.work.broken.is_set()
    assert desk.status("a")["phase"] == "Completed"
    assert (desk.status("b")["phase"], desk.status("b")["workerID"]) == ("Claimed", "process-1")
    assert desk.status("c")["phase"] == "Pending"
    assert "failures" not in desk.status("c")

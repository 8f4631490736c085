"""How a worker runs its claims: order, stages and stops, with engines that do as they are told."""

from pathlib import Path

import pytest
from tests.worker.desk import A, Desk, Gate, Script, pictures, working
from tests.worker.memory import Fault, HandClock, job

from picshapes_crds.cluster import UnavailableError
from picshapes_crds.resource import OutputFormat
from picshapes_worker.engine import Request
from picshapes_worker.engines.null import GREY_PIXEL


async def test_a_quick_job_takes_one_write(desk: Desk, tmp_path: Path) -> None:
    async with working(desk):
        desk.give(job("a", spec={"seed": 7}))
        assert await desk.until_ended("a") == "Completed"

    (patch,) = desk.memory.patches()
    assert patch["/status/phase"] == "Completed"
    assert patch["/status/seed"] == 7
    assert patch["/status/progress"] == "4/4"
    assert patch["/status/startedAt"] == "2026-01-01T12:00:00.000Z"
    assert patch["/status/resultURL"] == f"https://pictures.example/results/{A}.png"
    assert patch["/status/result"]["key"] == f"{A}/1.png"
    assert patch["/status/result"]["device"] == "NVIDIA Test 1"
    assert (tmp_path / A / "1.png").read_bytes() == GREY_PIXEL[OutputFormat.PNG]


async def test_the_engine_is_asked_for_what_was_resolved(desk: Desk, engine: Script) -> None:
    async with working(desk):
        desk.give(job("a", spec={"seed": 7, "negativePrompt": "blue", "width": 64}))
        await desk.until_ended("a")

    assert engine.made == [Request("flux-schnell", "a red circle", "blue", 256, 256, steps=4, seed=7)]


async def test_without_a_seed_every_attempt_draws_the_same_from_the_uid(desk: Desk) -> None:
    async with working(desk):
        desk.give(job("a", attempt=3))
        await desk.until_ended("a")

    assert desk.status("a")["seed"] == 0x61


@pytest.mark.parametrize(("asked", "extension"), [("jpeg", "jpg"), ("webp", "webp"), ("png", "png")])
async def test_the_key_holds_the_attempt_and_the_format(desk: Desk, asked: str, extension: str) -> None:
    async with working(desk):
        desk.give(job("a", attempt=2, spec={"outputFormat": asked}))
        await desk.until_ended("a")

    assert desk.status("a")["result"]["key"] == f"{A}/2.{extension}"
    assert desk.status("a")["result"]["contentType"] == f"image/{asked}"


async def test_jobs_run_one_at_a_time_in_the_order_of_their_claims(slow: Desk, gate: Gate) -> None:
    async with working(slow):
        slow.give(
            job("a", claimedAt="2026-01-01T12:00:01Z", spec={"prompt": "first"}),
            job("b", claimedAt="2026-01-01T12:00:02Z", spec={"prompt": "second"}),
        )
        assert await gate.begun.get() == "first"
        assert gate.begun.empty()
        gate.release(4)
        assert await gate.begun.get() == "second"
        gate.release(4)
        await slow.until_ended("b")


async def test_the_next_job_runs_while_the_last_ones_write_is_under_way(slow: Desk, gate: Gate) -> None:
    slow.memory.faults["json_patch"] = [Fault(UnavailableError("no answer"))] * 3
    slow.memory.faults["get"] = [Fault(UnavailableError("no answer"))] * 3
    async with working(slow):
        slow.give(job("a", spec={"prompt": "first"}), job("b", spec={"prompt": "second"}))
        gate.release(4)
        assert [await gate.begun.get(), await gate.begun.get()] == ["first", "second"]
        assert slow.status("a")["phase"] == "Claimed"
        assert await slow.until_ended("a") == "Completed"
        gate.release(4)
        await slow.until_ended("b")


async def test_a_cancelled_job_stops_within_one_step_and_says_how_far_it_came(slow: Desk, gate: Gate) -> None:
    async with working(slow):
        slow.give(job("a"))
        await gate.begun.get()
        gate.release(2)
        await gate.steps.join()
        slow.see(job("a", spec={"cancelRequested": True}))
        gate.release(1)
        assert await slow.until_ended("a") == "Failed"

    assert slow.why("a") == ("Cancelled", "cancelled on request")
    assert slow.status("a")["progress"] == "3/4"


async def test_a_waiting_job_that_is_cancelled_ends_while_another_runs(slow: Desk, gate: Gate) -> None:
    async with working(slow):
        slow.give(job("a"), job("b", claimedAt="2026-01-01T12:00:02Z"))
        await gate.begun.get()
        slow.see(job("b", spec={"cancelRequested": True}))
        assert await slow.until_ended("b") == "Failed"
        assert "progress" not in slow.status("b")
        assert slow.status("a")["phase"] == "Claimed"
        gate.release(4)
        await slow.until_ended("a")


async def test_a_running_job_stops_at_its_deadline(slow: Desk, gate: Gate, clock: HandClock) -> None:
    async with working(slow):
        slow.give(job("a", spec={"deadlineSeconds": 30}))
        await gate.begun.get()
        clock.passed_s = 30
        gate.release(1)
        assert await slow.until_ended("a") == "Failed"

    assert slow.why("a") == ("DeadlineExceeded", "not finished within 30 s of its creation")


async def test_a_job_whose_deadline_has_passed_is_not_begun(desk: Desk, engine: Script, clock: HandClock) -> None:
    clock.passed_s = 3600
    async with working(desk):
        desk.give(job("a"))
        assert await desk.until_ended("a") == "Failed"

    assert desk.why("a") == ("DeadlineExceeded", "not finished within 3600 s of its creation")
    assert engine.made == []


async def test_a_job_that_is_deleted_stops_and_nothing_is_written_or_stored(
    slow: Desk, gate: Gate, tmp_path: Path
) -> None:
    async with working(slow):
        slow.give(job("a"))
        await gate.begun.get()
        slow.lose(job("a"))
        gate.release(1)
        slow.give(job("b"))
        await gate.begun.get()
        gate.release(4)
        await slow.until_ended("b")

    assert [patch["/status/progress"] for patch in slow.memory.patches()] == ["4/4"]
    assert len(pictures(tmp_path)) == 1


async def test_a_claim_that_went_to_another_process_stops(slow: Desk, gate: Gate, tmp_path: Path) -> None:
    async with working(slow):
        slow.give(job("a"))
        await gate.begun.get()
        slow.give(job("a", attempt=2, workerID="process-2"))
        gate.release(1)

    assert slow.status("a")["phase"] == "Claimed"
    assert pictures(tmp_path) == []


async def test_the_picture_of_a_stale_attempt_is_deleted_again(slow: Desk, gate: Gate, tmp_path: Path) -> None:
    async with working(slow):
        slow.give(job("a"))
        await gate.begun.get()
        # The watch is late: only the API server knows that the job went to another process.
        slow.memory.put("generationjobs", job("a", attempt=2, workerID="process-2"))
        gate.release(4)

    assert slow.status("a")["phase"] == "Claimed"
    assert pictures(tmp_path) == []


async def test_namesakes_of_two_namespaces_are_both_completed_in_the_order_of_their_claims(
    desk: Desk, engine: Script, tmp_path: Path
) -> None:
    mine = job("a", claimedAt="2026-01-01T12:00:02Z", spec={"prompt": "second"})
    theirs = job("a", namespace="m", claimedAt="2026-01-01T12:00:01Z", spec={"prompt": "first"})
    async with working(desk):
        desk.give(mine, theirs)
        assert await desk.until_ended("a") == "Completed"

    assert [request.prompt for request in engine.made] == ["first", "second"]
    keys = [desk.status("a", namespace)["result"]["key"] for namespace in ("m", "n")]
    assert keys == [f"{one['metadata']['uid']}/1.png" for one in (theirs, mine)]
    assert pictures(tmp_path) == sorted(keys)

"""How a worker that is to end gives back what waits and what it could not finish."""

from pathlib import Path

from tests.worker.desk import Desk, Gate, pictures, working
from tests.worker.memory import Fault, job

from picshapes_crds.cluster import UnavailableError


async def test_a_drain_gives_waiting_jobs_back_and_finishes_the_running_one(slow: Desk, gate: Gate) -> None:
    async with working(slow):
        slow.give(job("a"), job("b", claimedAt="2026-01-01T12:00:02Z"))
        await gate.begun.get()
        slow.work.drain()
        await slow.memory.until(lambda: slow.status("b")["phase"] == "Pending")
        slow.give(job("c"))  # claimed by an operator that did not know yet
        await slow.memory.until(lambda: slow.status("c")["phase"] == "Pending")
        assert slow.status("a")["phase"] == "Claimed"
        gate.release(4)

    assert slow.status("a")["phase"] == "Completed"
    assert "workerID" not in slow.status("b")


async def test_a_hand_back_that_is_not_answered_is_made_again(slow: Desk, gate: Gate) -> None:
    async with working(slow):
        slow.give(job("a"), job("b", claimedAt="2026-01-01T12:00:02Z"))
        await gate.begun.get()
        slow.memory.faults["json_patch"] = [Fault(UnavailableError("no answer"))] * 2
        slow.work.drain()
        await slow.memory.until(lambda: slow.status("b")["phase"] == "Pending")
        gate.release(4)


async def test_a_quick_job_that_outlasts_the_grace_goes_back_too(slow: Desk, gate: Gate, tmp_path: Path) -> None:
    async with working(slow):
        slow.give(job("a"))
        await gate.begun.get()
        slow.work.drain()
        slow.work.abandon()
        gate.release(1)

    assert slow.status("a")["phase"] == "Pending"
    assert pictures(tmp_path) == []


async def test_a_begun_job_that_outlasts_the_grace_goes_back_and_no_failure_is_counted(
    slow: Desk, gate: Gate, tmp_path: Path
) -> None:
    async with working(slow):
        slow.give(job("a"))
        await slow.memory.until(lambda: slow.status("a")["phase"] == "Processing")
        slow.work.drain()
        slow.work.abandon()
        gate.release(1)

    status = slow.status("a")
    assert (status["phase"], status["attempt"]) == ("Pending", 1)
    assert {"failures", "workerName", "workerID", "startedAt", "progress"} & status.keys() == set()
    assert pictures(tmp_path) == []


async def test_a_worker_that_has_nothing_to_do_drains_at_once(desk: Desk) -> None:
    async with working(desk):
        pass

    assert desk.memory.calls == []

"""How a worker runs its claims: stages, stops, failures and the drain, with engines that do as they are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.worker.conftest import WITHIN_S, WORKER_ID, Fault, HandClock, MemoryCluster, job, make_context

from picshapes_crds.cluster import Changed, Deleted, InvalidError, Json, Listed, UnavailableError
from picshapes_crds.resource import OutputFormat
from picshapes_worker.assignment import Assignment
from picshapes_worker.context import WorkerContext
from picshapes_worker.engine import DeviceOutOfMemoryError, ModelUnavailableError, OnStep, Request
from picshapes_worker.engine_host import InlineHost
from picshapes_worker.engines.null import GREY_PIXEL, GreyPixel, NullEngine
from picshapes_worker.work import Work


class Script(NullEngine):
    """The null engine, with what is planned for each call of load and generate: an error, or nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[Exception | None] = []
        self.runs: list[Exception | None] = []
        self.freed: list[str] = []
        self.made: list[Request] = []

    def load(self, model: str) -> None:
        if self.loads and (fault := self.loads.pop(0)) is not None:
            raise fault
        super().load(model)

    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        if self.runs and (fault := self.runs.pop(0)) is not None:
            on_step(1)
            raise fault
        self.made.append(request)
        return super().generate(request, on_step)

    def free(self, *, keep: str) -> None:
        self.freed.append(keep)
        super().free(keep=keep)


class Gate(InlineHost):
    """A host whose generations take place step by step, as the test lets them."""

    def __init__(self) -> None:
        super().__init__(NullEngine())
        self.steps: asyncio.Queue[int] = asyncio.Queue()
        self.begun: asyncio.Queue[str] = asyncio.Queue()

    async def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        self.begun.put_nowait(request.prompt)
        on_step(0)
        for done in range(1, request.steps + 1):
            await self.steps.get()
            self.steps.task_done()
            on_step(done)
        return GreyPixel()

    def release(self, steps: int) -> None:
        for step in range(steps):
            self.steps.put_nowait(step)


class Desk:
    """A worker at work, with its API server and its watch in the test's hands."""

    def __init__(self, context: WorkerContext, memory: MemoryCluster) -> None:
        self.memory = memory
        self.assignment = Assignment(WORKER_ID)
        self.work = Work(self.assignment, context)

    def give(self, *jobs: Json) -> None:
        for one in jobs:
            self.memory.put("generationjobs", one)
            self.see(one)

    def see(self, one: Json) -> None:
        for bad in self.assignment.observe(Changed(one)):
            self.work.refuse(bad)
        self.work.look()

    def lose(self, one: Json) -> None:
        self.assignment.observe(Deleted(one))
        self.work.look()

    def status(self, name: str) -> Json:
        found: Json = self.memory.objects["generationjobs", name]["status"]
        return found

    def why(self, name: str) -> tuple[str, str]:
        first = self.status(name)["conditions"][0]
        return first["reason"], first["message"]

    async def until_ended(self, name: str) -> str:
        await self.memory.until(lambda: self.status(name)["phase"] in ("Completed", "Failed"))
        return str(self.status(name)["phase"])


@asynccontextmanager
async def working(desk: Desk) -> AsyncIterator[None]:
    """Run the worker until the end of the block, then drain it."""
    desk.assignment.observe(Listed([]))
    running = asyncio.create_task(desk.work.run())
    try:
        yield
        desk.work.drain()
        async with asyncio.timeout(WITHIN_S):
            await running
    finally:
        running.cancel()


@pytest.fixture
def engine() -> Script:
    return Script()


@pytest.fixture
def desk(memory: MemoryCluster, tmp_path: Path, clock: HandClock, engine: Script) -> Desk:
    return Desk(make_context(memory, tmp_path, clock, InlineHost(engine)), memory)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def slow(memory: MemoryCluster, tmp_path: Path, clock: HandClock, gate: Gate) -> Desk:
    return Desk(make_context(memory, tmp_path, clock, gate), memory)


def pictures(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


A = "00000000-0000-0000-0000-000000000061"


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

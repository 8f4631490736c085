"""What waiting jobs are told, with the workers as they are."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.state import ClusterState
from picshapes_operator.told import Told

from .test_state import NOW, FixedClock, job

REVISION = Catalogue.load("demo").models["flux-schnell"].weights.revision_id


def seen(*jobs: dict[str, Any]) -> ClusterState:
    state = ClusterState(Catalogue.load("demo"), FixedClock())
    for one in jobs:
        state.observe_job(one)
    return state


def told(state: ClusterState, workers: list[Worker], after_s: float) -> dict[str, tuple[str, str]]:
    for worker in workers:
        state.waiting.queues.split_at(worker.vram_mib)
    found = Told(state.waiting, workers, NOW + timedelta(seconds=after_s)).due(state.explanations, state.jobs)
    return {uid: (why.reason.value, why.message) for uid, why in found}


def busy(vram_mib: int) -> Worker:
    worker = Worker("w", "i", vram_mib, "demo", {"flux-schnell": REVISION}, frozenset(), 2, accepting=True)
    return replace(worker, namespaces=frozenset({"n"}))


def test_a_job_that_waits_its_turn_is_told_its_place_and_when_that_was() -> None:
    state = seen(job("first", 1, owner="a"), job("second", 2, owner="a"))
    found = told(state, [busy(24_564)], 10)
    need = "needs 0.6 GiB and flux-schnell; 1 worker can run it and all are busy"
    assert found == {
        "first": ("WaitingForWorkers", f"{need}; now 1 of 2 in line (2026-01-01T12:00:15.000Z)"),
        "second": ("WaitingForWorkers", f"{need}; now 2 of 2 in line (2026-01-01T12:00:15.000Z)"),
    }


def test_jobs_of_one_queue_are_told_their_own_needs() -> None:
    state = seen(job("small", 1, width=64, height=64), job("large", 2))
    found = told(state, [busy(64)], 2)
    assert {uid: message.partition(" and ")[0] for uid, (_, message) in found.items()} == {
        "small": "needs 0.3 GiB",
        "large": "needs 0.6 GiB",
    }


def test_a_job_that_the_catalogue_refuses_is_told_why() -> None:
    state = seen(job("a", 1, model="dall-e"))
    message = "unknown model dall-e; known: flux-schnell, z-image-turbo"
    assert told(state, [], 2) == {"a": ("UnknownModel", message)}


def test_a_resting_job_keeps_the_reason_that_it_rests_for() -> None:
    lost = {"type": "Scheduled", "status": "False", "reason": "WorkerLost", "message": "tried again in 20 s"}
    conditions = [lost | {"lastTransitionTime": "2026-01-01T12:00:00Z"}]
    state = seen(job("a", 1, {"phase": "Pending", "attempt": 2, "workersLost": 3, "conditions": conditions}))
    assert told(state, [], 2) == {}
    for uid in state.waiting.wake(NOW + timedelta(seconds=20)):
        state.explanations.waits(uid, NOW.timestamp() + 20)
    assert told(state, [], 22)["a"][0] == "NoWorkerFits"


class CountedWorkers(list[Worker]):
    """Counts how often somebody looks at all of them."""

    looks = 0

    def __iter__(self) -> Iterator[Worker]:
        self.looks += 1
        return super().__iter__()


def test_the_workers_are_looked_at_once_for_all_jobs_that_want_the_same() -> None:
    state = seen(*(job(f"job-{number}", number) for number in range(20)))
    workers = CountedWorkers([busy(64)])
    told(state, [], 0)
    found = Told(state.waiting, workers, NOW + timedelta(seconds=20)).due(state.explanations, state.jobs)

    assert len(list(found)) == 20
    assert workers.looks <= 2  # once for the queue's own demand, once for the jobs'


def test_with_nobody_to_be_told_workers_are_looked_at_only_when_they_offer_something_else() -> None:
    state = seen(job("a", 1))
    workers = CountedWorkers([busy(64)])
    for offers, looks in ((7, 1), (7, 1), (8, 2)):
        assert list(Told(state.waiting, workers, NOW, offers).due(state.explanations, state.jobs)) == []
        assert workers.looks == looks


def test_a_reason_that_changes_with_what_workers_offer_is_told_soon_after() -> None:
    state = seen(job("a", 1))
    free = [busy(24_564)]
    for worker in free:
        state.waiting.queues.split_at(worker.vram_mib)

    def due(workers: list[Worker], after_s: float, offers: int) -> list[str]:
        now = NOW + timedelta(seconds=after_s)
        return [
            why.reason for _, why in Told(state.waiting, workers, now, offers).due(state.explanations, state.jobs)
        ]

    assert due(free, 10, 1) == ["WaitingForWorkers"]
    assert due([], 11, 2) == []
    assert due([], 13, 2) == ["NoWorkerFits"]

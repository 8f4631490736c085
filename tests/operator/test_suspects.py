"""Jobs whose workers were lost: how long they rest, and what the operator keeps from them."""

import asyncio
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.simulation.api_server import ApiServer
from tests.simulation.memory_cluster import MemoryCluster

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, PODS
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.suspicion import rest_s, rests_until
from picshapes_crds.workers import lease_body, read_pod, worker_labels
from picshapes_operator.loop import Loop
from picshapes_operator.metrics import Metrics
from picshapes_operator.state import ClusterState
from picshapes_operator.writer import Writer

from .test_state import CLAIMED, NOW, RESOLVED, FixedClock, job, state, waiting

LOST = {
    "type": "Scheduled",
    "status": "False",
    "reason": "WorkerLost",
    "message": "worker w was lost: its pod has ended; tried again in 10 s",
    "lastTransitionTime": "2026-01-01T12:00:00Z",
}


def requeued(workers_lost: int, **condition: Any) -> dict[str, Any]:
    status = {"phase": "Pending", "attempt": 2, "workersLost": workers_lost, "conditions": [LOST | condition]}
    return job("suspect", 5, status)


@pytest.mark.parametrize(("lost", "seconds"), [(0, 0), (1, 0), (2, 10), (3, 20), (4, 40), (7, 300), (99, 300)])
def test_a_job_rests_ever_longer(lost: int, seconds: float) -> None:
    assert rest_s(lost) == seconds


def test_the_first_loss_is_tried_again_at_once() -> None:
    assert rests_until(GenerationJob.parse(requeued(1))) is None


def test_a_resting_job_is_queued_once_it_has_rested() -> None:
    clock = FixedClock()
    seen = ClusterState(Catalogue.load("demo"), clock)
    seen.observe_job(requeued(2))
    assert waiting(seen) == []
    clock.moment = NOW + timedelta(seconds=5)
    seen.open_snapshot(1)
    assert waiting(seen) == ["suspect"]


async def test_the_only_waiting_job_is_claimed_once_it_has_rested() -> None:
    clock = FixedClock()
    cluster = MemoryCluster(ApiServer(clock.now, lambda: str(uuid.uuid4())))
    seen = ClusterState(Catalogue.load("demo"), clock)
    pod = await ready_pod(cluster)
    seen.observe_pod(pod)
    seen.fleet.leases_listed([lease_body(read_pod(pod), "id1", frozenset(), NOW)], clock.monotonic())
    lost = {"phase": "Pending", "attempt": 2, "workersLost": 2, "conditions": [LOST]}
    kind = {"apiVersion": JOBS.api_version, "kind": "GenerationJob"}
    await cluster.create(JOBS, "n", kind | job("suspect", 1))
    seen.observe_job(await cluster.merge_patch(JOBS, "n", "name-suspect", {"status": lost}, "status"))
    metrics = Metrics(CollectorRegistry())
    leadership = Leadership(cluster, Seat("n", "lease", "me"), clock)
    loop = Loop(seen, Writer(cluster, seen, clock, metrics, random.Random(1)), leadership, clock, metrics)
    for seconds, phase in ((0, "Pending"), (4, "Pending"), (6, "Claimed")):
        clock.moment = NOW + timedelta(seconds=seconds)
        seen.fleet.heard(clock.monotonic())
        loop.step()
        for _ in range(9):
            await asyncio.sleep(0)  # the writer's tasks
        assert (await cluster.get(JOBS, "n", "name-suspect"))["status"]["phase"] == phase


async def ready_pod(cluster: MemoryCluster) -> dict[str, Any]:
    catalogue = Catalogue.load("demo")
    revisions = {"flux-schnell": catalogue.models["flux-schnell"].weights.revision_id}
    labels = worker_labels(8000, "demo", revisions)
    body = {"metadata": {"name": "w", "labels": labels}, "spec": {}}
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    await cluster.create(PODS, "n", body)
    return await cluster.merge_patch(PODS, "n", "w", ready, "status")


def test_a_job_that_was_told_another_reason_since_has_rested() -> None:
    seen = state()
    seen.observe_job(requeued(2, reason="WaitingForWorkers"))
    assert waiting(seen) == ["suspect"]


def test_a_cancelled_job_does_not_wake() -> None:
    clock = FixedClock()
    seen = ClusterState(Catalogue.load("demo"), clock)
    seen.observe_job(requeued(2))
    seen.observe_job(requeued(2) | job("suspect", 6, requeued(2)["status"], cancelRequested=True))
    clock.moment = NOW + timedelta(seconds=60)
    seen.open_snapshot(1)
    assert waiting(seen) == []
    assert seen.urgent == {"suspect"}


def test_a_suspect_takes_all_places_of_its_worker() -> None:
    seen = state()
    seen.observe_job(job("suspect", 1, CLAIMED | {"resolved": RESOLVED, "workersLost": 1}))
    assert seen.roster._held == {"id1": 2}
    seen.forget_job("suspect")
    assert seen.roster._held == {}


def test_the_first_job_of_a_worker_is_the_one_that_runs_else_the_oldest_claim() -> None:
    seen = state()
    for uid, second in (("older", 1), ("younger", 2)):
        held = CLAIMED | {"resolved": RESOLVED, "claimedAt": f"2026-01-01T12:00:0{second}Z"}
        seen.observe_job(job(uid, second, held))
    assert seen.held.first("id1") == "older"
    running = CLAIMED | {"phase": "Processing", "resolved": RESOLVED, "claimedAt": "2026-01-01T12:00:02Z"}
    seen.observe_job(job("younger", 3, running))
    assert seen.held.first("id1") == "younger"
    assert seen.held.first("other") is None


def lost_on(seen: ClusterState) -> list[str]:
    lines = [line for queue in seen.snapshot(10, []).queues for line in queue.lines]
    return [head.lost_on for line in lines for head in line.heads]


def test_a_waiting_job_remembers_the_worker_with_which_it_was_lost_last() -> None:
    seen = state()
    seen.observe_job(job("suspect", 1, CLAIMED | {"resolved": RESOLVED}))
    seen.observe_job(job("suspect", 2, requeued(1)["status"]))
    assert lost_on(seen) == ["w"]
    other = CLAIMED | {"attempt": 2, "workerName": "other", "workerID": "id2", "resolved": RESOLVED}
    seen.observe_job(job("suspect", 3, other))
    rebalanced = {
        "phase": "Pending",
        "attempt": 2,
        "workersLost": 1,
        "conditions": [LOST | {"reason": "Rebalanced"}],
    }
    seen.observe_job(job("suspect", 4, rebalanced))
    assert lost_on(seen) == ["w"]
    seen.observe_job(job("suspect", 5, other | {"attempt": 3}))
    seen.observe_job(job("suspect", 6, requeued(1)["status"]))
    assert lost_on(seen) == ["other"]


def test_a_job_that_rested_remembers_it_too_and_one_that_was_handed_back_has_nothing_to_remember() -> None:
    clock = FixedClock()
    seen = ClusterState(Catalogue.load("demo"), clock)
    seen.observe_job(job("suspect", 1, CLAIMED | {"resolved": RESOLVED}))
    seen.observe_job(requeued(2))
    seen.observe_job(job("handed back", 1, CLAIMED | {"resolved": RESOLVED}))
    seen.observe_job(job("handed back", 2))
    clock.moment = NOW + timedelta(seconds=20)
    seen.open_snapshot(1)
    assert dict(zip(waiting(seen), lost_on(seen), strict=True)) == {"handed back": "", "suspect": "w"}
    seen.forget_job("suspect")
    assert seen.waiting._lost_on == {}

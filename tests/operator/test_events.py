"""Which states are worth a Kubernetes Event, and that telling them holds nothing up."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import EVENTS, JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.resource import GenerationJob
from picshapes_operator.events import Events, event_of
from picshapes_operator.metrics import Metrics

from .test_state import job


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    return told | {"lastTransitionTime": "2026-01-01T12:00:00Z"}


def failed(reason: str, message: str = "why") -> GenerationJob:
    conditions = [condition("Failed", "True", reason, message)]
    return GenerationJob.parse(job("u", 7, {"phase": "Failed", "attempt": 3, "conditions": conditions}))


def waiting(reason: str) -> GenerationJob:
    conditions = [condition("Scheduled", "False", reason, "worker w was lost: its pod is gone")]
    return GenerationJob.parse(job("u", 7, {"phase": "Pending", "attempt": 3, "conditions": conditions}))


def test_a_failure_is_a_warning_about_the_job() -> None:
    assert event_of(failed("OutOfMemory"), "operator-1", "2026-01-01T12:00:00.000000Z") == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "name-u.u.3.fail", "namespace": "n"},
        "regarding": {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "name": "name-u",
            "namespace": "n",
            "uid": "u",
            "resourceVersion": "7",
        },
        "type": "Warning",
        "reason": "OutOfMemory",
        "action": "Fail",
        "note": "why",
        "eventTime": "2026-01-01T12:00:00.000000Z",
        "reportingController": "picshapes.io/operator",
        "reportingInstance": "operator-1",
    }


def test_a_lost_worker_is_told_with_the_jobs_requeue() -> None:
    event = event_of(waiting("WorkerLost"), "operator-1", "now")
    assert event is not None
    assert (event["reason"], event["action"]) == ("WorkerLost", "Requeue")
    assert event["note"] == "worker w was lost: its pod is gone"


@pytest.mark.parametrize("quiet", [failed("Cancelled"), waiting("Rebalanced"), waiting("NoWorkerFits")])
def test_what_was_wished_for_and_what_is_usual_is_no_event(quiet: GenerationJob) -> None:
    assert event_of(quiet, "operator-1", "now") is None


def counted(metrics: Metrics, outcome: str) -> float:
    return metrics.registry.get_sample_value("picshapes_operator_events_total", {"outcome": outcome}) or 0


async def test_what_comes_faster_than_it_is_taken_is_dropped_and_counted(cluster: KubeCluster) -> None:
    metrics = Metrics(CollectorRegistry())
    events = Events(cluster, SystemClock(), metrics, "operator-1")
    for _ in range(510):
        events.tell(failed("OutOfMemory"))
    assert counted(metrics, "dropped") == 10


async def test_kubectl_describe_shows_them_and_a_second_leader_adds_nothing(
    cluster: KubeCluster, namespace: str, control_plane: ControlPlane, binaries: Binaries
) -> None:
    assert binaries.kubectl
    body = {"apiVersion": "picshapes.io/v1alpha1", "kind": "GenerationJob", "metadata": {"name": "lost"}}
    made = await cluster.create(JOBS, namespace, body | {"spec": {"prompt": "a red circle"}})
    conditions = [condition("Failed", "True", "WorkerLost", "3 of 3 attempts were lost")]
    ended = GenerationJob.parse(made | {"status": {"phase": "Failed", "attempt": 3, "conditions": conditions}})
    metrics = Metrics(CollectorRegistry())
    events = Events(cluster, SystemClock(), metrics, "operator-1")
    events.tell(ended)
    events.tell(ended)
    running = asyncio.create_task(events.run())
    async with asyncio.timeout(120):
        await events.told()
    running.cancel()
    await asyncio.wait([running])
    assert (counted(metrics, "written"), counted(metrics, "known")) == (1, 1)
    (kept,) = (await cluster.list_all(EVENTS, Scope(namespace))).items
    assert kept["note"] == "3 of 3 attempts were lost"
    process = await asyncio.create_subprocess_exec(
        binaries.kubectl,
        *("--kubeconfig", control_plane.admin_kubeconfig, "-n", namespace, "describe", "gj", "lost"),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    (line,) = [line.split() for line in told.decode().splitlines() if "attempts were lost" in line]
    assert line[:2] == ["Warning", "WorkerLost"]
    assert line[3:] == ["picshapes.io/operator", *["3", "of", "3", "attempts", "were", "lost"]]

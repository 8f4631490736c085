"""A node is cordoned under a worker: what runs there ends, nothing new begins, and waiting jobs are told so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest_asyncio

from picshapes_crds.clock import rfc3339
from picshapes_crds.cluster import NODES
from picshapes_crds.phases import ConditionType, Phase
from picshapes_crds.resource import Condition

from .conftest import Install
from .installation import SEEN_WITHIN_S, Installation

NODE: Final = "node-to-be-cordoned"
TOLD: Final = (
    "needs 0.6 GiB and z-image-turbo; 1 worker could run it, but none is ready for new jobs, "
    "1 is on a cordoned node"
)


@pytest_asyncio.fixture
async def parts(install: Install) -> AsyncIterator[Installation]:
    async with install("cordon", 0.1) as started:
        worker = started.start_worker("worker", node=NODE)
        await asyncio.gather(started.start_operator(), started.start_api(), worker)
        yield started


async def explained(parts: Installation, job: str, condition: Condition) -> str:
    """Ask the API why a job waits until it has seen this condition; return its sentence."""
    shown, since = None, rfc3339(condition.last_transition_time)
    async with parts.rest() as api, asyncio.timeout(SEEN_WITHIN_S):
        while shown is None or shown["condition"]["since"] != since:
            answer = await api.get(f"/api/v1/jobs/{job}/explain")
            shown = answer.json() if answer.is_success and "condition" in answer.json() else None
            await asyncio.sleep(0.05)  # nothing tells of it
    assert (shown["status"], shown["reason"]) == ("pending", condition.reason)
    return str(shown["message"])


async def test_a_worker_on_a_cordoned_node_ends_what_it_has_and_gets_no_more(parts: Installation) -> None:
    cluster, history = parts.cluster, parts.history
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    made = await cluster.create(NODES, "", node)
    await parts.apply("runs", steps=100)
    await history.until_phase("runs", Phase.PROCESSING)
    await cluster.merge_patch(NODES, "", NODE, {"spec": {"unschedulable": True}})
    await parts.until_figure("operator", 'picshapes_workers{state="not_accepting"} 1.0')
    new = await parts.apply("new")

    def told() -> Condition | None:
        return history.now("new").condition(ConditionType.SCHEDULED) if "new" in history.lives else None

    await history.until(lambda: told() is not None, "the new job is told why it waits")
    why = told()
    assert why is not None
    assert why.message.partition("; now ")[0] == TOLD
    assert await explained(parts, new.metadata.uid, why) == why.message
    ended = (await history.until_ended("runs"))["runs"]
    assert (ended.phase, ended.attempt, history.now("new").attempt) == (Phase.COMPLETED, 1, 0)

    await cluster.delete(NODES, "", NODE, made["metadata"]["uid"])  # as good as uncordoned
    ended = (await history.until_ended("new"))["new"]
    assert (ended.phase, ended.worker_name) == (Phase.COMPLETED, "worker")
    history.check()

"""A node is cordoned under a worker: what runs there ends, nothing new begins, and waiting jobs are told so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest_asyncio

from picshapes_crds.cluster import NODES
from picshapes_crds.phases import ConditionType, Phase

from .conftest import Install
from .installation import Installation

NODE: Final = "node-to-be-cordoned"
TOLD: Final = (
    "needs 0.6 GiB and z-image-turbo; 1 worker could run it, but none is ready for new jobs, "
    "1 is on a cordoned node"
)


@pytest_asyncio.fixture
async def parts(install: Install) -> AsyncIterator[Installation]:
    async with install("cordon", 0.1) as started:
        await asyncio.gather(started.start_operator(), started.start_worker("worker", node=NODE))
        yield started


async def test_a_worker_on_a_cordoned_node_ends_what_it_has_and_gets_no_more(parts: Installation) -> None:
    cluster, history = parts.cluster, parts.history
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
    made = await cluster.create(NODES, "", node)
    await parts.apply("runs", steps=100)
    await history.until_phase("runs", Phase.PROCESSING)
    await cluster.merge_patch(NODES, "", NODE, {"spec": {"unschedulable": True}})
    await parts.until_figure("operator", 'picshapes_workers{state="not_accepting"} 1.0')
    await parts.apply("new")

    def told() -> str | None:
        why = history.now("new").condition(ConditionType.SCHEDULED) if "new" in history.lives else None
        return why.message.partition("; now ")[0] if why else None

    await history.until(lambda: told() is not None, "the new job is told why it waits")
    assert told() == TOLD
    ended = (await history.until_ended("runs"))["runs"]
    assert (ended.phase, ended.attempt, history.now("new").attempt) == (Phase.COMPLETED, 1, 0)

    await cluster.delete(NODES, "", NODE, made["metadata"]["uid"])  # as good as uncordoned
    ended = (await history.until_ended("new"))["new"]
    assert (ended.phase, ended.worker_name) == (Phase.COMPLETED, "worker")
    history.check()

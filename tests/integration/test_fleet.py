"""Workers that differ in memory and models: a job goes only where it fits, compared in MiB."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import Children
from picshapes_cli.up import parts
from picshapes_cli.up.options import Engine, Layout, UpOptions
from picshapes_cli.up.pods import WorkerPods, worker_kubeconfig
from picshapes_cli.up.supervision import Supervised
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster.kube import KubeCluster

from .stack import Launcher, Stack, until

AddWorker = Callable[[str, int, str], Awaitable[None]]
"""Starts a worker with a name, so many MiB, and models; returns when it is ready."""


@pytest.fixture
def empty_stack(launcher: Launcher) -> Iterator[Stack]:
    """Everything but workers."""
    with launcher.up("--engine", "null", "--workers", "0") as started:
        yield started


@asynccontextmanager
async def workers(stack: Stack) -> AsyncIterator[AddWorker]:
    """Start workers as `picshapes up` starts its own; they are stopped at the end of the block."""
    layout, person = Layout(stack.folder), Path(stack.ready["kubeconfig"])
    options = UpOptions(stack.folder, engine=Engine.NULL)
    with ExitStack() as ports:
        async with (
            await KubeCluster.connect(person) as cluster,
            httpx.AsyncClient(trust_env=False) as client,
            Children() as children,
            asyncio.TaskGroup() as tasks,
        ):
            pods = WorkerPods(cluster, stack.ready["namespace"], SystemClock())
            runs: list[asyncio.Task[None]] = []

            async def add(name: str, vram_mib: int, models: str) -> None:
                pod = await pods.create(name)
                own = layout.kubeconfig(name)
                worker_kubeconfig(person, own, await pods.token(pod))
                device = {"PICSHAPES_VRAM_MIB": str(vram_mib), "PICSHAPES_MODELS": models}
                site = parts.Site(options, layout, "demo", os.environ | device, stack.ready["api_url"])
                part = parts.worker(site, name, own, ports.enter_context(reserved_port()))
                report = partial(pods.report, name)
                one = Supervised(children, part, client=client, clock=SystemClock(), on_ready=report)
                runs.append(tasks.create_task(one.run()))
                await one.first_ready.wait()

            yield add
            for run in runs:
                run.cancel()


def why_it_waits(stack: Stack, name: str) -> tuple[str, str]:
    stack.kubectl.wait_for(name, "condition=Scheduled=False")
    why = stack.kubectl.read("gj", name)["status"]["conditions"][0]
    return why["reason"], why["message"]


def finished(stack: Stack, name: str) -> tuple[str, str, int]:
    status: dict[str, Any] = stack.kubectl.finished(name)["status"]
    return status["phase"], status["workerName"], status["attempt"]


def worker_counts(stack: Stack) -> dict[str, int]:
    with stack.api() as api:
        models = api.get("/api/v1/models").json()["models"]
    return {name: model["worker_count"] for name, model in models.items()}


async def test_a_job_goes_only_where_model_and_memory_fit(empty_stack: Stack) -> None:
    stack, kubectl = empty_stack, empty_stack.kubectl
    kubectl.apply("flux-1024", model="flux-schnell")
    kubectl.apply("flux-512", model="flux-schnell", width=512, height=512)
    kubectl.apply("z-1536", model="z-image-turbo", tier="premium")
    asked = ("NoWorkerFits", "needs 0.6 GiB and flux-schnell; there are no workers")
    assert await asyncio.to_thread(why_it_waits, stack, "flux-1024") == asked

    async with workers(stack) as add:
        await add("small", 588, "flux-schnell")
        await add("large", 81_559, "z-image-turbo")
        assert await asyncio.to_thread(finished, stack, "flux-512") == ("Completed", "small", 1)
        assert await asyncio.to_thread(finished, stack, "z-1536") == ("Completed", "large", 1)
        # One MiB too little is too little, whatever both are in GiB.
        assert kubectl.read("gj", "flux-1024")["status"]["phase"] == "Pending"
        kubectl.apply("flux-1024-again", model="flux-schnell")
        assert await asyncio.to_thread(why_it_waits, stack, "flux-1024-again") == (
            "NoWorkerFits",
            "needs 589 MiB and flux-schnell; 1 worker has the model, the largest has 588 MiB",
        )

        await add("just-enough", 589, "flux-schnell")
        assert await asyncio.to_thread(finished, stack, "flux-1024") == ("Completed", "just-enough", 1)
        assert await asyncio.to_thread(finished, stack, "flux-1024-again") == ("Completed", "just-enough", 1)
        counted = {"z-image-turbo": 1, "flux-schnell": 1}
        await asyncio.to_thread(until, lambda: worker_counts(stack) == counted, f"the API counts {counted}")

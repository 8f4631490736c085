"""`python -m picshapes_cli.bench.list_and_parse KUBECONFIG NAMESPACE FILE`: the baseline of `bench restart`.

The least that an operator must do before it can decide: start, LIST all jobs in pages, and read each of them. The
same modules are imported as by the operator, from the same environment; the file gets the times of the two steps.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

import picshapes_operator.main  # noqa: F401 - what the operator imports
from picshapes_crds.cluster import JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.resource import GenerationJob


async def list_and_parse(kubeconfig: Path, namespace: str) -> dict[str, float]:
    """Do it; return the seconds of both steps, and how many jobs there were."""
    async with await KubeCluster.connect(kubeconfig) as cluster:
        began = time.perf_counter()
        found = await cluster.list_all(JOBS, Scope(namespace))
        listed = time.perf_counter()
        jobs = [GenerationJob.parse(one) for one in found.items]
        return {"list_s": listed - began, "parse_s": time.perf_counter() - listed, "jobs": len(jobs)}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        times = runner.run(list_and_parse(Path(sys.argv[1]), sys.argv[2]))
    Path(sys.argv[3]).write_text(json.dumps(times), encoding="utf-8")

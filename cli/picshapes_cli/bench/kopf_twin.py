"""`python -m picshapes_cli.bench.kopf_twin NAMESPACE PORT`: what kopf does where it is used as its tutorial says.

A handler of creations that claims each job for a worker, with kopf's own ways of writing and all of its defaults
(https://docs.kopf.dev/en/stable/walkthrough/creation/). It schedules nothing: the comparison is of writes and of
how many objects a second pass through one process. The kubeconfig is the one of `$KUBECONFIG`.
"""

import asyncio
import sys
from typing import Any

import kopf
import uvloop

from picshapes_crds import names
from picshapes_crds.phases import Phase


def registry() -> kopf.OperatorRegistry:
    """Return kopf's registry with the one handler."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def login(**context: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(**context)

    @kopf.on.create(names.GROUP, names.VERSION, names.PLURAL, registry=handlers)
    async def create(patch: kopf.Patch, **_: Any) -> None:
        patch.status["phase"] = Phase.CLAIMED.value
        patch.status["workerName"] = "worker-0"
        patch.status["workerID"] = "process"
        patch.status["attempt"] = 1

    return handlers


async def serve(namespace: str, port: int) -> None:
    """Run until the process is told to end."""
    await kopf.operator(
        registry=registry(),
        namespaces=[namespace],
        standalone=True,
        liveness_endpoint=f"http://127.0.0.1:{port}/healthz",
    )


if __name__ == "__main__":
    kopf.configure()  # as `kopf run` does
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2])))

"""What one worker needs of an API server, in memory: claims to begin with, and somebody to take its writes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from picshapes_cli.bench.refusing_cluster import RefusingCluster
from picshapes_crds.clock import rfc3339
from picshapes_crds.cluster import Json, Kind
from picshapes_crds.phases import TERMINAL

WORKER_ID: Final = "bench"
NAMESPACE: Final = "bench"
PROMPT: Final = "a blue star on a yellow background"


def claimed_job(number: int, model: str, side_px: int, steps: int) -> Json:
    """Return a job of a square picture that was given to this worker just now; its number is its seed."""
    now = rfc3339(datetime.now(UTC))
    return {
        "metadata": {
            "name": f"job-{number}",
            "namespace": NAMESPACE,
            "uid": f"00000000-0000-4000-8000-{number:012x}",
            "resourceVersion": str(number + 1),
            "creationTimestamp": now,
        },
        "spec": {"prompt": PROMPT, "model": model, "tier": "basic", "seed": number},
        "status": {
            "phase": "Claimed",
            "attempt": 1,
            "workerName": "bench",
            "workerID": WORKER_ID,
            "claimedAt": now,
            "resolved": {
                "model": model,
                "tier": "basic",
                "width": side_px,
                "height": side_px,
                "steps": steps,
                "minVramMiB": 1,
            },
        },
    }


class PaperServer(RefusingCluster):
    """Takes every write of a worker at once, and tells of the ends of jobs.

    Claims are handed over directly, a job is read only when a write failed, and there is no Lease.
    """

    def __init__(self, ended: Callable[[str], None]) -> None:
        """Begin; `ended` is told the phase in which each job ends."""
        self._ended = ended

    async def json_patch(
        self,
        kind: Kind,  # noqa: ARG002 - the protocol's
        namespace: str,  # noqa: ARG002 - the protocol's
        name: str,
        operations: list[Json],
        subresource: str = "",  # noqa: ARG002 - the protocol's
    ) -> Json:
        """Accept a worker's write."""
        for one in operations:
            if one["path"] == "/status/phase" and one["value"] in TERMINAL:
                self._ended(one["value"])
        return {"metadata": {"name": name}}

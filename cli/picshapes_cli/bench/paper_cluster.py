"""Objects as an API server would show them, and one that answers an operator's writes from memory, at once.

It lies in the measured process, so it keeps only what is held by workers: a waiting job's JSON can be made again
from its number, and would otherwise be measured as the operator's memory.
"""

import asyncio
import json
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final

from picshapes_cli.bench.r0 import job_body
from picshapes_cli.bench.refusing_cluster import RefusingCluster
from picshapes_cli.up.pods import pod_body
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import rfc3339
from picshapes_crds.cluster import Json, Kind, NotFoundError
from picshapes_crds.phases import Phase
from picshapes_crds.workers import lease_body, read_pod, worker_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNERS: Final = 100
VRAM_MIB: Final = 24_564
NAMESPACE: Final = "picshapes"


class PaperCluster(RefusingCluster):
    """An API server made of paper."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._versions: Iterator[int] = count(1)
        self._created = rfc3339(datetime.now(UTC))
        self.held: dict[str, Json] = {}
        """Jobs that the operator has given to workers, the oldest first."""
        self.told: list[Json] = []
        """Claims that a watch has yet to tell of."""
        self.claims, self.claimed = 0, asyncio.Event()

    def _metadata(self, name: str) -> Json:
        version = str(next(self._versions))
        return {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "resourceVersion": version}

    def waiting_job(self, number: int) -> bytes:
        """Return a job that waits as the JSON of a watch: one of many owners', of one of the models."""
        models = sorted(self._catalogue.models)
        body = job_body(f"{number:08}")
        body["metadata"] |= self._metadata(f"{number:08}") | {"creationTimestamp": self._created}
        body["spec"] |= {"owner": f"owner-{number % OWNERS}", "model": models[number % len(models)]}
        return json.dumps(body | {"status": {"phase": Phase.PENDING.value, "attempt": 0}}).encode()

    def completed(self) -> Json:
        """Return the job that has been held for the longest as its worker ends it."""
        job = self.held.pop(next(iter(self.held)))
        status = job["status"] | {"phase": Phase.COMPLETED.value, "completedAt": rfc3339(datetime.now(UTC))}
        return self._newer(job, status)

    def worker(self, number: int) -> tuple[Json, Json]:
        """Return the Pod and the Lease of a worker that is ready for all models."""
        name = f"worker-{number}"
        weights = {model: one.weights.revision_id for model, one in self._catalogue.models.items()}
        pod = pod_body(name)
        pod["metadata"] |= self._metadata(name)
        pod["metadata"]["labels"] |= worker_labels(VRAM_MIB, self._catalogue.profile, weights)
        pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        return pod, lease_body(read_pod(pod), f"process-{number}", frozenset(), datetime.now(UTC))

    def _newer(self, job: Json, status: Json) -> Json:
        return job | {
            "metadata": job["metadata"] | {"resourceVersion": str(next(self._versions))},
            "status": status,
        }

    # The protocol, as far as the operator's loop, writer and leadership use it.

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:  # noqa: ARG002 - the protocol's
        """Create the leader's Lease."""
        return body

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Find nothing: the leader's Lease is created each time that it is renewed."""
        raise NotFoundError(f"{namespace}/{name} of {kind.plural}")

    async def merge_patch(
        self,
        kind: Kind,  # noqa: ARG002 - the protocol's, like the others
        namespace: str,  # noqa: ARG002
        name: str,
        body: Json,
        subresource: str = "",  # noqa: ARG002
    ) -> Json:
        """Write a status."""
        job = self.held.get(name) or json.loads(self.waiting_job(int(name)))
        job = self._newer(job, job["status"] | body["status"])
        if job["status"]["phase"] == Phase.CLAIMED.value:
            self.held[name] = job
            self.told.append(job)
            self.claims += 1
            self.claimed.set()
        return job

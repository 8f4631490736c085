"""Jobs of further namespaces by uid, as last seen: shown and counted, never written, never mirrored.

Apart from `job_cache`, which the mirror acts on and the process's readiness hangs on: a neighbour that is listed
anew, or that may not be read any more, changes nothing there.
"""

from collections.abc import Iterator, Mapping

from picshapes_api.cluster.job_cache import SILENT_S, CachedJob
from picshapes_crds.cluster import Changed, Deleted, Json, Listed, Reflector
from picshapes_crds.names import ORIGIN_LABEL


class Neighbours:
    """What each neighbour's own watch tells of its jobs."""

    def __init__(self, reflectors: Mapping[str, Reflector]) -> None:
        self._reflectors = reflectors
        self._jobs: dict[str, dict[str, CachedJob]] = {namespace: {} for namespace in reflectors}

    async def follow(self, namespace: str) -> None:
        """Keep the jobs of one neighbour current, for ever."""
        async for observation in self._reflectors[namespace].observations():
            if isinstance(observation, Listed):
                found = [_made_with_kubectl(one) for one in observation.objects]
                self._jobs[namespace] = {job.uid: job for job in found}
            elif isinstance(observation, Changed):
                job = _made_with_kubectl(observation.object)
                self._jobs[namespace][job.uid] = job
            elif isinstance(observation, Deleted):
                self._jobs[namespace].pop(observation.object["metadata"]["uid"], None)

    def get(self, uid: str) -> CachedJob | None:
        """Return a job as last seen, however long ago."""
        return next((jobs[uid] for jobs in self._jobs.values() if uid in jobs), None)

    def current(self) -> Iterator[CachedJob]:
        """Yield the jobs of all neighbours whose watch is alive: whether others still wait is not known."""
        for namespace, jobs in self._jobs.items():
            silent_s = self._reflectors[namespace].silent_s()
            if silent_s is not None and silent_s < SILENT_S:
                yield from jobs.values()


def _made_with_kubectl(resource: Json) -> CachedJob:
    """Read a job without the API's label, which an admin may have copied: no row tells of it by its name."""
    (resource["metadata"].get("labels") or {}).pop(ORIGIN_LABEL, None)
    return CachedJob(resource)

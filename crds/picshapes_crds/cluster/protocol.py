"""The verbs of the API server that PicShapes uses; `KubeCluster` implements them, a simulator can stand in.

Objects are the API's own JSON. Typed readers (`GenerationJob.parse`, `workers.py`) and pure patch builders
(`patches.py`) stand on either side.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from picshapes_crds import names

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: where it lies in the API. One that has no namespaces is named with an empty one."""

    api_version: str
    plural: str

    @property
    def root(self) -> str:
        """The path under which the API serves it."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


JOBS: Final = Kind(names.API_VERSION, names.PLURAL)
PODS: Final = Kind("v1", "pods")
LEASES: Final = Kind("coordination.k8s.io/v1", "leases")
EVENTS: Final = Kind("events.k8s.io/v1", "events")
NODES: Final = Kind("v1", "nodes")


@dataclass(frozen=True)
class Scope:
    """Which objects of a kind a list or watch is about."""

    namespace: str | None = None
    """None: all namespaces."""
    label_selector: str = ""
    field_selector: str = ""


@dataclass(frozen=True)
class ObjectList:
    """All objects of a scope as they were at one resource version."""

    items: list[Json]
    resource_version: str


@dataclass(frozen=True)
class Event:
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Json


class Cluster(Protocol):
    """The API server. Every call is bounded in time and raises `ClusterError` in one of its forms."""

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object; `AlreadyExistsError` when the name is taken."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read an object as it is now, never from a stale cache."""

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Read all objects of a scope as they are now; only their metadata when that is all that's needed."""

    def watch(self, kind: Kind, scope: Scope, resource_version: str) -> AsyncIterator[Event]:
        """Stream changes after this version, with bookmarks; ends when the server ends it.

        Raises `ExpiredError` when the version is too old, `UnavailableError` when nothing came for 90 s.
        """

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Apply a JSON Merge Patch (RFC 7386); with `metadata.resourceVersion` in it, fenced by that."""

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Apply a JSON Patch (RFC 6902); a failed `test` raises `InvalidError`."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Delete the object if it still is the one of this uid; `ConflictError` when it isn't.

        `grace_s` is the time that a pod is given to end; the pod's own when absent.
        """

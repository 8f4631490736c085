"""An API server that refuses everything: a benchmark's own gives only what the part that it measures asks for.

Whatever else that part comes to ask for ends the benchmark with an error, instead of being measured as nothing.
"""

from collections.abc import AsyncIterator

from picshapes_crds.cluster import Event, Json, Kind, ObjectList, Scope


class RefusingCluster:
    """The `Cluster` protocol, every verb raising NotImplementedError."""

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Refuse."""
        raise NotImplementedError

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Refuse."""
        raise NotImplementedError

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Refuse."""
        raise NotImplementedError

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Refuse."""
        raise NotImplementedError

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Refuse."""
        raise NotImplementedError

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Refuse."""
        raise NotImplementedError

    def watch(self, kind: Kind, scope: Scope, resource_version: str) -> AsyncIterator[Event]:
        """Refuse."""
        raise NotImplementedError

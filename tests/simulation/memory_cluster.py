"""The `Cluster` protocol on an `ApiServer` in memory: at once, and without faults."""

import asyncio
from collections.abc import AsyncIterator

from picshapes_crds.cluster import Event, Json, Kind, ObjectList, Scope

from .api_server import ApiServer, Change
from .selectors import selection


class MemoryCluster:
    """One client of the server."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object."""
        return self._server.create(kind, namespace, body)

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read an object."""
        return self._server.get(kind, namespace, name)

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Read all objects of a scope."""
        return self._server.list_all(kind, scope, metadata_only=metadata_only)

    async def watch(self, kind: Kind, scope: Scope, resource_version: str) -> AsyncIterator[Event]:
        """Stream changes after this version, for ever."""
        selects = selection(kind, scope)
        position = self._server.position(kind, resource_version)
        changed = asyncio.Event()

        def note(change: Change) -> None:
            if change.kind == kind:
                changed.set()

        self._server.observers.append(note)
        try:
            while True:
                changed.clear()
                told, position = self._server.events(kind, selects, position)
                for event in told:
                    yield event
                await changed.wait()
        finally:
            self._server.observers.remove(note)

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Apply a merge patch."""
        return self._server.merge_patch(kind, namespace, name, body, subresource)

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Apply a JSON patch."""
        return self._server.json_patch(kind, namespace, name, operations, subresource)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Delete the object of this uid."""
        self._server.delete(kind, namespace, name, uid, grace_s=grace_s)

"""The API server as one process reaches it: the `Cluster` protocol over the simulated network."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from picshapes_crds.cluster import (
    Event,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    Json,
    Kind,
    NotFoundError,
    ObjectList,
    Scope,
    UnavailableError,
)
from picshapes_crds.cluster.kube import WATCH_SILENCE_S

from .faults import Fault
from .loop import Process
from .network import Network
from .request import Request
from .selectors import selection
from .stream import Stream


class NetworkCluster:
    """One process's client, as the `Cluster` protocol."""

    def __init__(self, network: Network, process: Process) -> None:
        self._net, self._process = network, process
        self.cut_off = False
        """Nothing reaches the API server, and nothing comes back."""
        self.lag_s = 0.0
        """A request takes up to so long to arrive, beyond the usual."""
        self._refused: dict[tuple[str, str], tuple[str, set[str]]] = {}
        """By the namespace and name of jobs whose completion was refused: uid and keys of pictures, until a read
        tells why."""

    async def __aenter__(self) -> Self:
        """Return itself: as a connection it needs no opening."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing: it needs no closing either."""

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object."""
        about = f"create {kind.plural} {body['metadata']['name']}"
        return await self._write(about, namespace, lambda: self._net.server.create(kind, namespace, body))

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Read an object."""
        uid, keys = self._refused.pop((namespace, name), ("", set()))
        try:
            answer: Json = await self._call(
                f"get {kind.plural} {name}", namespace, lambda: self._net.server.get(kind, namespace, name)
            )
        except NotFoundError:
            self._net.unanswered.update(keys)
            raise
        if answer["metadata"]["uid"] != uid:
            self._net.unanswered.update(keys)
        return answer

    async def list_all(self, kind: Kind, scope: Scope, *, metadata_only: bool = False) -> ObjectList:
        """Read all objects of a scope."""
        server = self._net.server
        answer: ObjectList = await self._call(
            f"list {kind.plural}",
            scope.namespace,
            lambda: server.list_all(kind, scope, metadata_only=metadata_only),
        )
        return answer

    async def merge_patch(self, kind: Kind, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Apply a merge patch."""
        server = self._net.server
        return await self._write(
            f"patch {kind.plural} {name}",
            namespace,
            lambda: server.merge_patch(kind, namespace, name, body, subresource),
        )

    async def json_patch(
        self, kind: Kind, namespace: str, name: str, operations: list[Json], subresource: str = ""
    ) -> Json:
        """Apply a JSON patch."""
        server = self._net.server
        try:
            return await self._write(
                f"json patch {kind.plural} {name}",
                namespace,
                lambda: server.json_patch(kind, namespace, name, operations, subresource),
            )
        except (UnavailableError, InvalidError) as error:
            keys = {one["value"]["key"] for one in operations if one["path"] == "/status/result"}
            if isinstance(error, UnavailableError):
                self._net.unanswered |= keys
            elif keys:
                uids = [one["value"] for one in operations if one["path"] == "/metadata/uid"]
                self._refused[namespace, name] = uids[0], keys
            raise

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, grace_s: int | None = None) -> None:
        """Delete an object of this uid."""
        server = self._net.server
        await self._call(
            f"delete {kind.plural} {name}",
            namespace,
            lambda: server.delete(kind, namespace, name, uid, grace_s=grace_s),
        )

    async def watch(
        self, kind: Kind, scope: Scope, resource_version: str, *, silence_s: float = WATCH_SILENCE_S
    ) -> AsyncIterator[Event]:
        """Stream changes after this version, with bookmarks, until the server ends it.

        A client gives a stream up that was silent for so long.
        """
        if self._net.faults.draw(Fault.WATCH_EXPIRED, 0.03):
            raise ExpiredError("too old resource version", 410)
        position = await self._call(
            f"watch {kind.plural}",
            scope.namespace,
            lambda: self._net.server.position(kind, resource_version),
        )
        stream = Stream(self._net, lambda: self.cut_off, kind, selection(kind, scope), position)
        try:
            async for event in stream.events(silence_s):
                yield event
        finally:
            stream.close()

    async def _write(self, about: str, namespace: str, act: Callable[[], Json]) -> Json:
        repeated = self._net.faults.draw(Fault.CALL_REPEATED, 0.003)

        def twice() -> Json:
            act()
            return act()

        answer: Json = await self._call(about, namespace, twice if repeated else act)
        return answer

    async def _call(self, about: str, namespace: str | None, act: Callable[[], Any]) -> Any:
        def allowed() -> Any:
            if namespace in self._net.denied and self._process.name.startswith("worker"):
                raise ForbiddenError(f"{about} in the namespace {namespace} is forbidden", 403)
            return act()

        request = Request(self._net, self._process, about, allowed)
        return await request.answer(lag_s=self.lag_s, cut_off=lambda: self.cut_off)

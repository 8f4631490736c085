"""The pool of connections to one API server: what leaves it is closed at once.

A request that was cancelled or cut off leaves a connection that can't serve another. The pool would close it with
a TLS farewell, which waits for the server's own for up to 30 s while nobody owns the connection any more: it
outlives its client and even the event loop. The farewell guards against a truncated answer, and nobody reads this
one.
"""

from typing import Any

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.client import rest


class AbruptConnector(aiohttp.TCPConnector):
    """A pool that ends the connections that it doesn't keep without a TLS farewell."""

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        if key.is_ssl and (should_close or protocol.should_close):
            protocol.abort()
        super()._release(key, protocol, should_close=should_close)


class Connections(rest.RESTClientObject):  # type: ignore[misc] # of kubernetes nothing is typed
    """The library's REST layer on such a pool."""

    pool_manager: aiohttp.ClientSession | None

    def pool(self) -> aiohttp.ClientSession:
        """Return the pool itself, for requests past this layer; made at its first use, inside an event loop."""
        if self.pool_manager is None:
            self.pool_manager = self._create_pool_manager()
        return self.pool_manager

    def _create_connector(self) -> aiohttp.TCPConnector:
        return AbruptConnector(limit=self.maxsize, ssl=self.ssl_context)


def api_client(configuration: client.Configuration) -> Any:
    """Return the library's client with this pool."""
    made = client.ApiClient(configuration)
    made.rest_client = Connections(configuration)
    return made

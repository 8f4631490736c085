"""Connections on which a request has a bounded time in all to arrive, however slowly its bytes come.

Sanic counts its timeouts from the last byte that came: who sends one every few seconds would keep a connection,
and with enough of them all connections, for ever.
"""

from typing import Final

from sanic.http.constants import Stage
from sanic.server.protocols.http_protocol import HttpProtocol

LAST_WORDS_S: Final = 5.0
"""Whom Sanic has given up it answers, and then would read the rest of the body for ever; it has so long for it."""


class BoundedProtocol(HttpProtocol):
    """Counts from a request's first byte: REQUEST_TIMEOUT for the header, RESPONSE_TIMEOUT for body and answer."""

    def data_received(self, data: bytes) -> None:
        """Take bytes in; only the first of a request, or of a connection, start the clock anew."""
        http = self.http
        begins = http is None or (http.stage is Stage.IDLE and not http.request_body)
        counted_from = self._time
        super().data_received(data)
        if not begins:
            self._time = counted_from

    def connection_lost(self, exc: Exception | None) -> None:
        """Take in that the connection has ended; whoever waits for the last one to end is told."""
        super().connection_lost(exc)  # type: ignore[no-untyped-call] # Sanic types it in part
        if not self.connections:
            self.app.ctx.deserted.set()

    def check_timeouts(self) -> None:
        """Give up what takes too long, as Sanic does; but then close the connection, whatever it waits for."""
        super().check_timeouts()  # type: ignore[no-untyped-call] # Sanic types it in part
        if self._task is not None and self._task.cancelling():
            self.loop.call_later(LAST_WORDS_S, self.abort)

"""PostgreSQL for tortoise-orm with a pool that doesn't run dry: an engine module, named in the settings.

The stock engine waits for a free connection without a bound, and keeps for ever the connection on which a
transaction could not begin: a few bad seconds of the network would take all connections away.
"""

from contextlib import AsyncExitStack
from typing import Any, Final

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections

ACQUIRE_S: Final = 10.0
"""A request waits so long for a free connection, then fails as if the database were away."""


class PostgresClient(AsyncpgDBClient):
    """Tortoise's client on asyncpg, with bounded waits."""

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """Return a connection for one statement."""
        return BoundedConnection(self, self._pool_init_lock)

    def _in_transaction(self) -> TransactionContext:
        return BoundedTransaction(TransactionWrapper(self), self._pool_init_lock)


class BoundedConnection(PoolConnectionWrapper[Any]):
    """A pooled connection for one statement."""

    async def __aenter__(self) -> Any:
        await self.ensure_connection()
        self.connection = await self.client._pool.acquire(timeout=ACQUIRE_S)  # noqa: SLF001 - of PostgreSQL's client
        return self.connection


class BoundedTransaction(TransactionContextPooled):
    """A pooled connection from BEGIN to COMMIT or ROLLBACK, given back whatever happens."""

    client: TransactionWrapper

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool: Any = self.client._parent._pool  # noqa: SLF001 - the wrapper has no public way to its parent
        self.client._connection = await pool.acquire(timeout=ACQUIRE_S)  # noqa: SLF001 - as above
        async with AsyncExitStack() as undone:
            undone.push_async_callback(pool.release, self.client._connection)  # noqa: SLF001 - as above
            await self.client.begin()
            undone.pop_all()
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


client_class = PostgresClient

"""A tortoise-orm engine for SQLite that runs statements on the event loop, and only commits in a thread.

The stock engine hands every statement to a thread; here a statement of a few microseconds costs just that. A
commit waits for the disk, so it alone leaves the loop. Transactions are `BEGIN IMMEDIATE`: one that will write
takes the write lock first and can't fail half-way for want of it (https://www.sqlite.org/lang_transaction.html).
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, Final

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import TransactionManagementError

BUSY_TIMEOUT_S: Final = 5.0


class InlineConnection:
    """The part of aiosqlite's connection that tortoise-orm uses, with no thread but for commits."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        self._db.row_factory = sqlite3.Row
        self._in_memory = path == ":memory:"

    @property
    def total_changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self._db.total_changes

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> "InlineCursor":
        """Run one statement."""
        return InlineCursor(self._db.execute(sql, tuple(parameters)))

    async def execute_fetchall(self, sql: str, parameters: Iterable[Any] | None = None) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        return self._db.execute(sql, tuple(parameters or ())).fetchall()

    async def execute_insert(self, sql: str, parameters: Iterable[Any] | None = None) -> tuple[int | None]:
        """Insert a row and return its row id."""
        return (self._db.execute(sql, tuple(parameters or ())).lastrowid,)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each set of parameters."""
        self._db.executemany(sql, parameters)

    async def executescript(self, sql: str) -> None:
        """Run several statements."""
        self._db.executescript(sql)

    async def commit(self) -> None:
        """Commit, waiting for the disk in a thread; nothing if no transaction is open."""
        if not self._db.in_transaction:
            return
        if self._in_memory:
            self._db.execute("COMMIT")
        else:
            await asyncio.to_thread(self._db.execute, "COMMIT")

    async def rollback(self) -> None:
        """Roll back; nothing if no transaction is open (SQLite ends one by itself on some errors)."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    async def close(self) -> None:
        """Close the file."""
        self._db.close()


class InlineCursor:
    """What `execute` returns; only its closing is asked for."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def close(self) -> None:
        """Let go of the statement."""
        self._cursor.close()


class InlineSqliteClient(SqliteClient):
    """Tortoise's SQLite client on an `InlineConnection`."""

    async def create_connection(self, with_db: bool) -> None:  # noqa: ARG002, FBT001 - tortoise's signature
        """Open the file and set what SQLite keeps for each connection."""
        if self._connection is not None:
            return
        connection = InlineConnection(self.filename)
        for pragma, value in self.pragmas.items():
            await connection.execute(f"PRAGMA {pragma}={value}")
        self._connection = connection  # type: ignore[assignment] # has the part of aiosqlite that is used
        await self._post_connect()

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransaction(InlineTransaction(self), self._lock)


class InlineTransaction(SqliteTransactionWrapper):
    """A client whose statements belong to one transaction."""

    async def begin(self) -> None:
        """Take the write lock; another process may hold it for up to the busy timeout."""
        await self._connection.execute("BEGIN IMMEDIATE")


class ImmediateTransaction(TransactionContext):
    """Holds the connection from BEGIN to COMMIT or ROLLBACK, and lets go of it whatever happens."""

    def __init__(self, client: InlineTransaction, lock: asyncio.Lock) -> None:
        self.client: InlineTransaction = client
        self._lock = lock

    async def __aenter__(self) -> TransactionalDBClient:
        await self._lock.acquire()
        with ExitStack() as undone:
            undone.callback(self._lock.release)
            parent = self.client._parent  # noqa: SLF001 - the wrapper has no public way to its parent
            await parent.create_connection(with_db=True)
            self.client._connection = parent._connection  # noqa: SLF001 - as above
            await self.client.begin()
            undone.pop_all()
        self._token = get_connections().set(self.client.connection_name, self.client)
        return self.client

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        try:
            if not self.client._finalized:  # noqa: SLF001 - as above
                if exc_type is None:
                    await self._commit()
                elif exc_type is not TransactionManagementError:
                    await self.client.rollback()
        finally:
            get_connections().reset(self._token)
            self._lock.release()

    async def _commit(self) -> None:
        """Commit; a cancellation waits for the thread, since the connection serves one caller at a time."""
        committing = asyncio.ensure_future(self.client.commit())
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            await committing
            raise
        except sqlite3.Error:
            await self.client.rollback()
            raise


client_class = InlineSqliteClient

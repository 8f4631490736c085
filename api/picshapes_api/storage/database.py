"""A connection to the database: reads, and writes as units of work that commit wholly or not at all.

Statements are written once for both databases, with `$1` placeholders and `RETURNING` in place of row counts.
On PostgreSQL each unit of work is a transaction on a pooled connection. SQLite has one writer, so units that
arrive while a commit waits for the disk share the next transaction, each behind a savepoint of its own
(group commit): throughput then doesn't hang on the disk's latency.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import lru_cache
from typing import Any, Final, Self, TypeVar

import asyncpg  # type: ignore[import-untyped] # ships no types
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError, TransactionManagementError

from picshapes_api.storage.migrate import apply_migrations
from picshapes_api.storage.url import DatabaseUrl

T = TypeVar("T")
Row = Mapping[str, Any]

GROUP_SIZE: Final = 128
TRIES: Final = 5

AWAY: Final = (
    DBConnectionError,
    OperationalError,
    TransactionManagementError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    sqlite3.Error,
    OSError,
    TimeoutError,
)
_TRY_AGAIN: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class DatabaseUnavailableError(Exception):
    """The database can't be reached or didn't answer; whether a write took effect is unknown."""


class ConstraintError(Exception):
    """The database refused a row: it is there already, or it would break a rule that holds whatever happens."""


@lru_cache(maxsize=512)
def _numbered(sql: str) -> str:
    """Turn PostgreSQL's placeholders into SQLite's: `$1` becomes `?1`."""
    return sql.replace("$", "?")


class Session:
    """A place to run statements: the database at large, or one unit of work."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self.client = client
        self._is_sqlite = client.capabilities.dialect == "sqlite"

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Run one statement and return its rows; `ConstraintError` when the database's rules refuse it."""
        try:
            rows: list[Row] = await self.client.execute_query_dict(  # type: ignore[assignment] # dicts are mappings
                _numbered(sql) if self._is_sqlite else sql, list(values)
            )
        except IntegrityError as error:
            raise ConstraintError(str(error)) from error
        return rows

    async def fetch_one(self, sql: str, *values: Any) -> Row | None:
        """Run one statement and return its first row."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None


Work = Callable[[Session], Awaitable[T]]


class Database:
    """The database, with its tables up to date."""

    def __init__(self, context: TortoiseContext, url: DatabaseUrl) -> None:
        self._reader = Session(context.connections.get(url.reader))
        self._writer = context.connections.get("default")
        self._is_sqlite = url.is_sqlite
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._group: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closing = AsyncExitStack()

    @classmethod
    async def connect(cls, url: DatabaseUrl) -> Self:
        """Open the database and apply what migrations it lacks; `DatabaseUnavailableError` when it is away."""
        context = TortoiseContext()
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(context)
                await context.init(config=url.config)
                await apply_migrations(context, url.config)
                database = cls(context, url)
                database._closing = stack.pop_all()
        except AWAY as error:
            raise DatabaseUnavailableError(f"can't open the database: {error}") from error
        return database

    async def close(self) -> None:
        """Wait for what is under way, each statement of it bounded in time, and close all connections."""
        if under_way := self._under_way | ({self._group} if self._group else set()):
            await asyncio.wait(under_way)
        await self._closing.aclose()

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Read rows of the committed state."""
        try:
            if self._is_sqlite:
                return await self._reader.fetch(sql, *values)
            return await self._to_its_end(self._reader.fetch(sql, *values))
        except AWAY as error:
            raise DatabaseUnavailableError(str(error)) from error

    async def fetch_one(self, sql: str, *values: Any) -> Row | None:
        """Read the first row."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def write(self, work: Work[T]) -> T:
        """Run a unit of work in a transaction; what it raises rolls it back and is raised here.

        A unit may run again after a deadlock, so it must have no other effect than its statements.
        """
        if not self._is_sqlite:
            return await self._to_its_end(self._alone(work))
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._group is None or self._group.done():
            self._group = asyncio.create_task(self._commit_groups())
        return await done

    async def snapshot(self, work: Work[T]) -> T:
        """Run statements that only read and must all see the same moment."""

        async def frozen(session: Session) -> T:
            if not self._is_sqlite:
                await session.fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return await work(session)

        return await self.write(frozen)

    async def _to_its_end(self, operation: Coroutine[Any, Any, T]) -> T:
        """Run to the end even if the caller is cancelled: a client that hangs up costs no connection."""
        task = asyncio.create_task(operation)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen: who waits for it gets it, and who went away doesn't want it

    async def _alone(self, work: Work[T]) -> T:
        for left in reversed(range(TRIES)):
            try:
                async with self._writer._in_transaction() as client:  # noqa: SLF001 - `in_transaction` needs a context
                    return await work(Session(client))
            except AWAY as error:
                if not (left and isinstance(error, _TRY_AGAIN)):
                    raise DatabaseUnavailableError(str(error)) from error
        raise AssertionError("the last try returns or raises")

    async def _commit_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP_SIZE], self._waiting[GROUP_SIZE:]
            try:
                async with self._writer._in_transaction() as client:  # noqa: SLF001 - as above
                    session = Session(client)
                    results = [await self._guarded(session, work) for work, _ in group]
            except AWAY as error:
                results = [DatabaseUnavailableError(str(error)) for _ in group]
            for (_, done), result in zip(group, results, strict=True):
                if done.cancelled():
                    continue
                if isinstance(result, BaseException):
                    done.set_exception(result)
                else:
                    done.set_result(result)

    async def _guarded(self, session: Session, work: Work[Any]) -> Any:
        """Run one unit of a group; its failure undoes itself only and is returned as its result."""
        await session.client.execute_query("SAVEPOINT unit")
        try:
            result = await work(session)
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for this unit
            result = error
            await session.client.execute_query("ROLLBACK TO unit")
        await session.client.execute_query("RELEASE unit")
        return result

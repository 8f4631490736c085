"""What lasts, through a process that may die: the harness of `test_killed`.

It stands between the API and what lasts: each statement and commit of the database, each call of the API server.
From its death on nothing of a process takes place, not even a rollback: the database sees a connection that ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from picshapes_api.storage.database import Database
from picshapes_crds.cluster.kube import KubeCluster


@dataclass
class Death:
    """Counts effects and lets a process die at one of them."""

    at: int | None = None
    after: bool = False
    effects: list[str] = field(default_factory=list)
    armed: bool = False
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def effect(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if not self.armed:
            return await act()
        if self.dead.is_set():
            raise asyncio.CancelledError
        number = len(self.effects)
        self.effects.append(name)
        if number != self.at:
            return await act()
        if self.after:
            await act()
        self.dead.set()
        return await asyncio.Event().wait()  # nothing comes back to a dead process


class MortalCluster:
    """The API server, through a process that may die."""

    def __init__(self, real: KubeCluster, death: Death) -> None:
        self._real, self._death = real, death

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name not in ("create", "get", "merge_patch", "delete"):
            return method

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            return await self._death.effect(f"api server: {name}", lambda: method(*args, **kwargs))

        return mortal


class MortalSqlite:
    """A connection of SQLite, through a process that may die."""

    def __init__(self, real: Any, death: Death) -> None:
        self._real, self._death = real, death

    @property
    def total_changes(self) -> int:
        return int(self._real.total_changes)

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        return await self._death.effect(f"sqlite: {sql[:40]}", lambda: self._real.execute(sql, parameters))

    async def execute_fetchall(self, sql: str, parameters: Iterable[Any] | None = None) -> Any:
        return await self._death.effect(
            f"sqlite: {sql[:40]}", lambda: self._real.execute_fetchall(sql, parameters)
        )

    async def commit(self) -> None:
        await self._death.effect("sqlite: COMMIT", self._real.commit)

    async def rollback(self) -> None:
        await self._death.effect("sqlite: ROLLBACK", self._real.rollback)

    async def close(self) -> None:
        await self._real.close()


class MortalTransaction:
    """A transaction of PostgreSQL, through a process that may die."""

    def __init__(self, real: Any, death: Death) -> None:
        self._real, self._death = real, death

    async def start(self) -> None:
        await self._death.effect("postgres: BEGIN", self._real.start)

    async def commit(self) -> None:
        await self._death.effect("postgres: COMMIT", self._real.commit)

    async def rollback(self) -> None:
        await self._death.effect("postgres: ROLLBACK", self._real.rollback)


class MortalPostgres:
    """A connection of PostgreSQL, through a process that may die."""

    def __init__(self, real: Any, death: Death) -> None:
        self.real, self._death = real, death

    def transaction(self) -> MortalTransaction:
        return MortalTransaction(self.real.transaction(), self._death)

    async def fetch(self, sql: str, *values: Any) -> Any:
        return await self._death.effect(f"postgres: {sql[:40]}", lambda: self.real.fetch(sql, *values))


class MortalPool:
    """Connections of PostgreSQL, through a process that may die; its connections end with it."""

    def __init__(self, real: Any, death: Death) -> None:
        self._real, self._death = real, death

    async def acquire(self, **options: Any) -> MortalPostgres:
        return MortalPostgres(await self._real.acquire(**options), self._death)

    async def release(self, connection: MortalPostgres) -> None:
        if self._death.dead.is_set():
            connection.real.terminate()
        await self._real.release(connection.real)

    async def close(self) -> None:
        await self._real.close()

    def terminate(self) -> None:
        self._real.terminate()


def make_mortal(database: Database, death: Death) -> None:
    """Put the harness between this database and its server or file."""
    client: Any = database._writer
    if database._is_sqlite:
        client._connection = MortalSqlite(client._connection, death)
    else:
        client._pool = MortalPool(client._pool, death)

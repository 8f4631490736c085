"""The API's database in a simulation: a real SQLite file, reached as from several processes.

PostgreSQL lets several API processes write at once; here each has connections of its own to one SQLite file, and
their transactions are kept apart in simulated time, so that a process can be killed or stopped within one as
anywhere else. What a dead process had not committed is gone.
"""

import asyncio
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from picshapes_api.storage.database import Database
from picshapes_api.storage.sqlite_engine import BUSY_TIMEOUT_S, InlineConnection, InlineCursor
from picshapes_api.storage.url import parse

from .faults import Fault
from .loop import Process
from .network import Network

COMMIT_S: Final = (0.001, 0.03)


class SharedFile:
    """One database file and who writes to it now."""

    def __init__(self, net: Network, template: Path, path: Path) -> None:
        self.net, self.path = net, path
        shutil.copyfile(template, path)
        self._writer: Process | None = None
        self._waiting: deque[tuple[Process, asyncio.Future[None]]] = deque()
        self.committed: list[Callable[[], None]] = []
        """Called after each commit."""

    async def connect(self, process: Process) -> Database:
        """Open the database within a process."""
        database = await Database.connect(parse(f"sqlite://{self.path}"))
        for client in (database._writer, database._reader.client):
            await client.create_connection(with_db=True)
            real: Any = client._connection
            client._connection = SimulatedConnection(self, process, real)
        return database

    async def lock(self, process: Process) -> None:
        """Become the one writer, or fail after SQLite's busy timeout."""
        if self._writer is None:
            self._writer = process
            return
        turn: asyncio.Future[None] = self.net.loop.create_future()
        self._waiting.append((process, turn))
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_S):
                await turn
        except TimeoutError:
            if turn.done() and not turn.cancelled():  # its turn came in the same moment
                self.unlock(process)
            raise sqlite3.OperationalError("database is locked") from None

    def unlock(self, process: Process) -> None:
        """Hand the lock to the next one: nobody who comes by meanwhile can take it as well."""
        if self._writer is not process:
            return
        self._writer = None
        while self._waiting:
            heir, turn = self._waiting.popleft()
            if heir.alive and not turn.done():
                self._writer = heir
                turn.set_result(None)
                return


class SimulatedConnection:
    """SQLite as one process reaches it; has what `InlineConnection` has."""

    def __init__(self, file: SharedFile, process: Process, real: InlineConnection) -> None:
        self._file, self._net, self._process, self._real = file, file.net, process, real
        process.at_death.append(self._die)

    @property
    def total_changes(self) -> int:
        """Rows changed since the connection was opened."""
        return self._real.total_changes

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> InlineCursor:
        """Run one statement."""
        if sql == "BEGIN IMMEDIATE":
            await self._file.lock(self._process)
            try:
                return await self._real.execute(sql, parameters)
            except sqlite3.Error:
                self._file.unlock(self._process)
                raise
        await self._step()
        return await self._real.execute(sql, parameters)

    async def execute_fetchall(self, sql: str, parameters: Iterable[Any] | None = None) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        await self._step()
        return await self._real.execute_fetchall(sql, parameters)

    async def execute_insert(self, sql: str, parameters: Iterable[Any] | None = None) -> tuple[int | None]:
        """Insert a row and return its row id."""
        await self._step()
        return await self._real.execute_insert(sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each set of parameters."""
        await self._step()
        await self._real.executemany(sql, parameters)

    async def executescript(self, sql: str) -> None:
        """Run several statements."""
        await self._real.executescript(sql)

    async def commit(self) -> None:
        """Commit, as a disk or a server does: it takes time, it may fail before, or its answer may be lost."""
        net = self._net
        await net.doomed(self._process, "before")
        await asyncio.sleep(net.rng.uniform(*COMMIT_S))
        if net.faults.draw(Fault.DATABASE_FAILED, 0.01):
            raise sqlite3.OperationalError("disk I/O error")
        await self._real.commit()
        self._file.unlock(self._process)
        for look in self._file.committed:
            look()
        net.trace.note(self._process.name, "commit")
        if net.faults.draw(Fault.COMMIT_UNANSWERED, 0.01):
            raise sqlite3.OperationalError("disk I/O error")
        await net.doomed(self._process, "answered")

    async def rollback(self) -> None:
        """Roll back."""
        if self._process.alive:
            await self._real.rollback()
            self._file.unlock(self._process)

    async def close(self) -> None:
        """Close the file."""
        self._file.unlock(self._process)
        await self._real.close()

    async def _step(self) -> None:
        if not self._process.alive:
            raise asyncio.CancelledError
        if self._net.rng.random() < 0.05:
            await asyncio.sleep(self._net.rng.uniform(0, 0.002))

    def _die(self) -> None:
        self._real._db.close()  # rolls back
        self._file.unlock(self._process)

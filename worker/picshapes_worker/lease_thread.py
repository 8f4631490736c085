"""Keeps the Lease from a thread of its own, with its own event loop and connection.

Neither a model that loads nor a flood of events in the main loop may delay a renewal: late by 40 s, the
operator gives the worker's jobs to another.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping

from picshapes_crds.cluster import Cluster
from picshapes_crds.workers import NO_LIMITS
from picshapes_worker.lease import LeaseKeeper
from picshapes_worker.machine import Connect
from picshapes_worker.vitals import Vitals


class LeaseThread:
    """The thread, as the main event loop sees it. Made, used and stopped there."""

    def __init__(self, connect: Connect, keeper_of: Callable[[Cluster], LeaseKeeper], vitals: Vitals) -> None:
        self._connect, self._keeper_of, self._vitals = connect, keeper_of, vitals
        self._main_loop = asyncio.get_running_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: LeaseKeeper | None = None
        self._models: frozenset[str] = frozenset()
        self._limits_mib: Mapping[str, int] = NO_LIMITS
        self._loading = ""
        self.renewals = 0
        self.taken: asyncio.Future[None] = self._main_loop.create_future()
        """Done when the Lease names this process."""
        self.ended: asyncio.Future[None] = self._main_loop.create_future()
        """Done when the thread has ended: with an error when the Lease was lost or could not be taken."""
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Take the Lease, then renew it until `stop`."""
        self._thread.start()

    def models_loaded(self, models: frozenset[str]) -> None:
        """Let the Lease say which models are in device memory."""
        if models == self._models:
            return  # waking the thread costs more than most of what is done for a quick job
        self._models = models
        if self._loop is not None and self._keeper is not None and not self.ended.done():
            self._loop.call_soon_threadsafe(self._keeper.models_loaded, models)

    def memory_limits(self, limits_mib: Mapping[str, int]) -> None:
        """Let the Lease say for which needs of which models the memory suffices."""
        self._limits_mib = limits_mib
        if self._loop is not None and self._keeper is not None and not self.ended.done():
            self._loop.call_soon_threadsafe(self._keeper.memory_limits, limits_mib)

    def loading(self, said: str) -> None:
        """Let the Lease say what is still done before the worker is Ready; called in any thread."""
        self._loading = said
        if self._loop is not None and self._keeper is not None and not self.ended.done():
            self._loop.call_soon_threadsafe(self._keeper.loading, said)

    async def stop(self, within_s: float) -> None:
        """Give the Lease up and end the thread, or leave it to itself when that takes too long."""
        if self._loop is not None and self._keeper is not None and not self.ended.done():
            self._loop.call_soon_threadsafe(self._keeper.end)
            await asyncio.wait({self.ended}, timeout=within_s)

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except Exception as error:  # noqa: BLE001 - whatever ended the thread, the main loop must hear of it
            self._tell(self.ended, error)
        else:
            self._tell(self.ended, None)

    async def _hold(self) -> None:
        async with await self._connect() as cluster:
            keeper = self._keeper_of(cluster)
            self._loop, self._keeper = asyncio.get_running_loop(), keeper
            keeper.models_loaded(self._models)
            keeper.memory_limits(self._limits_mib)
            keeper.loading(self._loading)
            await keeper.hold(self._vitals.may_renew, self._renewed)

    def _renewed(self) -> None:
        self.renewals += 1
        if self.renewals == 1:
            self._tell(self.taken, None)

    def _tell(self, future: "asyncio.Future[None]", error: Exception | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        if not self._main_loop.is_closed():
            self._main_loop.call_soon_threadsafe(settle)

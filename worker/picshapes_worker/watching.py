"""Follows this process's claims: a watch for each namespace whose jobs are looked after, one assignment for all.

What befalls the watch of a neighbour is no concern of the others: its reflector tries again, for ever, and only
the watch of the worker's own namespace says whether the worker is well.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from picshapes_crds.cluster import JOBS, Reflector, Scope
from picshapes_worker.assignment import Assignment
from picshapes_worker.context import WorkerContext
from picshapes_worker.work import Work

SPREAD_S: Final = 2.0
"""Neighbours are first listed within so long after the own namespace: neither the lists of many workers that start
together nor, as all watches live equally long, their renewals shall come at once."""


class Watching:
    """The watches of one worker process."""

    def __init__(
        self,
        assignment: Assignment,
        work: Work,
        context: WorkerContext,
        pod_name: str,
        neighbours: Iterable[str],
    ) -> None:
        """Claims are told by the name of the worker's pod; `neighbours` are the further namespaces."""
        self._assignment, self._work = assignment, work
        self._clock, self._rng = context.clock, context.rng
        mine = f"status.workerName={pod_name}"

        def reflector(namespace: str) -> Reflector:
            scope = Scope(namespace, field_selector=mine)
            return Reflector(context.cluster, JOBS, scope, context.clock, context.rng)

        self._namespace, self._own = context.namespace, reflector(context.namespace)
        self._neighbours = {namespace: reflector(namespace) for namespace in neighbours}
        self.listed = asyncio.Event()
        """Set once the claims of the own namespace were listed."""

    def silent_s(self) -> float | None:
        """Return the seconds since the own namespace's watch last heard; None before its first list."""
        return self._own.silent_s()

    def restarts(self) -> int:
        """Return how often watches began again, all namespaces together."""
        return self._own.restarts + sum(one.restarts for one in self._neighbours.values())

    async def run(self) -> None:
        """Let the assignment see what the watches show, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(self._own, self._namespace))
            for namespace, reflector in self._neighbours.items():
                tasks.create_task(self._follow_neighbour(reflector, namespace))

    async def _follow(self, reflector: Reflector, namespace: str) -> None:
        async for observation in reflector.observations():
            for bad in self._assignment.observe(observation, namespace):
                self._work.refuse(bad)
            self._work.look()
            if reflector is self._own:
                self.listed.set()

    async def _follow_neighbour(self, reflector: Reflector, namespace: str) -> None:
        await self.listed.wait()
        await self._clock.sleep(self._rng.uniform(0, SPREAD_S))
        await self._follow(reflector, namespace)

"""The object store in a simulation: one bucket, reached by each worker with delays and faults."""

import asyncio
from dataclasses import dataclass
from typing import Final

from picshapes_worker.store import PictureStore

from .faults import Fault
from .loop import Process
from .network import Network

PUT_S: Final = (0.01, 0.5)


@dataclass
class Bucket:
    """All objects: who put each. `dropped` says that no clean-up of it can be demanded."""

    objects: dict[str, Process]
    excused: set[str]
    """Keys whose deletion was asked for and failed, which the design leaves to a sweep."""
    deleted: list[str]


class SimulatedStore(PictureStore):
    """The bucket as one worker process reaches it."""

    def __init__(self, net: Network, process: Process, bucket: Bucket) -> None:
        super().__init__("memory:///")
        self._net, self._process, self._bucket = net, process, bucket

    async def put(self, key: str, content: bytes, content_type: str) -> None:  # noqa: ARG002 - kept nowhere
        """Store an object."""
        await self._reach(key)
        self._bucket.objects[key] = self._process
        self._net.trace.note(self._process.name, f"put {key}")
        await self._answer(key)

    async def delete(self, key: str) -> None:
        """Delete an object."""
        try:
            await self._reach(key)
            self._bucket.objects.pop(key, None)
            self._bucket.deleted.append(key)
            self._net.trace.note(self._process.name, f"delete {key}")
            await self._answer(key)
        except OSError:
            self._bucket.excused.add(key)
            raise

    async def _reach(self, key: str) -> None:
        net = self._net
        await net.doomed(self._process, "before")
        await asyncio.sleep(net.rng.uniform(*PUT_S))
        if net.faults.draw(Fault.STORE_REFUSED, 0.05):
            raise OSError(f"the store did not take {key}")

    async def _answer(self, key: str) -> None:
        net = self._net
        if net.faults.draw(Fault.STORE_UNANSWERED, 0.04):
            raise OSError(f"no answer about {key}")
        await net.doomed(self._process, "answered")

"""An API process in a simulation: all of the API but HTTP, on a database that it shares with others."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import datetime

from picshapes_api.assembly import Api, Surroundings, assemble
from picshapes_api.core.accounts import Account, Role
from picshapes_api.main import LEASE
from picshapes_api.pictures import PictureStore
from picshapes_api.services import Randomness
from picshapes_api.submitting import submit
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.resource import MAX_SEED

from .client import NetworkCluster
from .clocks import SkewedClock
from .database import SharedFile
from .loop import Process
from .pods import NEIGHBOUR


class NoPictures(PictureStore):
    """A store in which the API finds nothing to remove; `obstore` would say so from a thread, in real time."""

    async def stored_before(self, moment: datetime) -> AsyncIterator[list[str]]:  # noqa: ARG002 - the store's
        """Yield no keys."""
        for keys in list[list[str]]():
            yield keys


class ApiPart:
    """One API process."""

    def __init__(
        self, process: Process, cluster: NetworkCluster, namespace: str, clock: SkewedClock, rng: random.Random
    ) -> None:
        self._process, self._cluster, self._namespace = process, cluster, namespace
        self._clock, self._rng = clock, rng
        self.api: Api | None = None
        """None until it serves."""

    async def live(self, file: SharedFile, catalogue: Catalogue) -> None:
        """Serve until killed, or until a loop ends, which none may."""
        database = await file.connect(self._process)
        seat = Seat(self._namespace, LEASE, f"api-{self._rng.randrange(10**9)}")
        around = Surroundings(
            cluster=self._cluster,
            namespace=self._namespace,
            catalogue=catalogue,
            database=database,
            pictures=NoPictures("memory:///"),
            clock=self._clock,
            randomness=Randomness(
                new_id=lambda: str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
                seed=lambda: self._rng.randrange(MAX_SEED + 1),
                secret_bytes=self._rng.randbytes,
            ),
            leadership=Leadership(self._cluster, seat, self._clock),
            neighbours=(NEIGHBOUR,),
        )
        self.api = assemble(around)
        async with asyncio.TaskGroup() as tasks:
            for name, loop in self.api.loops.items():
                tasks.create_task(loop(), name=name)

    async def submit(self, user_id: str, body: bytes, key: str | None) -> tuple[str, int]:
        """Do what `POST /jobs` does; return the job's id and price."""
        assert self.api is not None
        account = Account(user_id, f"{user_id}@example.com", Role.USER, 0, 0)
        accepted = await submit(self.api.services, account, body, key)
        return accepted.job.facts.id, accepted.job.price

    async def cancel(self, job_id: str) -> None:
        """Do what `DELETE /jobs/{id}` does."""
        assert self.api is not None
        services = self.api.services
        row = await services.jobs.find(job_id)
        if row is not None and not row.closed:
            await services.jobs.request_cancel(job_id)
            await services.placer.cancel_soon(job_id)

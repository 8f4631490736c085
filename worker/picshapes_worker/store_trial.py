"""Tries the store before the worker is Ready: what it can't take shall cost no job its minutes of inference.

One small object is written and deleted again: a worker needs no other right. A store that comes up later than the
worker is waited for; one that refuses is given less time, as only somebody's doing will change its mind.
"""

import random
from dataclasses import dataclass
from typing import Final

import structlog
from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from picshapes_crds.clock import Clock
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_worker.preparing import Preparing
from picshapes_worker.startup import StartupError
from picshapes_worker.store import STORE_FAULTS, PictureStore, reason_of

ABSENT_S: Final = 300.0
"""How long a store that can't be reached is waited for."""
REFUSES_S: Final = 60.0
"""The same for one that refuses: rights and buckets made together with the worker take a moment to be known."""

FOLDER: Final = "worker-trials"
"""No job's id, so that nobody takes what lies there for a picture."""
CONTENT: Final = b"Written by a worker at its start, to see whether it may. It can be deleted.\n"

REFUSALS: Final = (PermissionDeniedError, UnauthenticatedError, FileNotFoundError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class StoreTrial:
    """One worker's trial of its store."""

    store: PictureStore
    worker_name: str
    clock: Clock
    rng: random.Random

    async def run(self, preparing: Preparing) -> None:
        """Write an object and delete it, tried again for a while; raises `StartupError` saying what to do."""
        key = f"{FOLDER}/{self.worker_name}.txt"
        began = self.clock.monotonic()
        failures = 0
        while (fault := await self._fault_of_writing(key)) is not None:
            sentence = explained(fault, self.store.url)
            delay_s = backoff_s(failures, self.rng)
            failures += 1
            patience_s = REFUSES_S if isinstance(fault, REFUSALS) else ABSENT_S
            if self.clock.monotonic() + delay_s - began >= patience_s:
                raise StartupError(sentence)
            log.warning("store.unusable", error=sentence, delay_s=round(delay_s, 2))
            preparing.store_fault(sentence)
            await self.clock.sleep(delay_s)
        try:
            await self.store.delete(key)
        except STORE_FAULTS as error:  # pictures come and stay; only those that nobody refers to will stay as well
            log.warning("store.undeletable", key=key, error=reason_of(error))
        preparing.stored()

    async def _fault_of_writing(self, key: str) -> Exception | None:
        try:
            await self.store.put(key, CONTENT, "text/plain")
        except STORE_FAULTS as error:
            return error
        return None


def explained(fault: Exception, url: str) -> str:
    """Return what is wrong with a store that could not be written, and what to do about it."""
    match fault:
        case PermissionDeniedError():
            return f"the store {url} refuses this worker's writes: give its credentials the right to put objects"
        case UnauthenticatedError():
            return f"the store {url} does not accept this worker's credentials: correct them"
        case FileNotFoundError():
            return f"the store {url} has no such bucket: create it, or correct PICSHAPES_STORAGE_URL"
        case _:
            return (
                f"the store {url} can't be written: {reason_of(fault)}; "
                "check that it runs, that PICSHAPES_STORAGE_URL is right, and that it has room"
            )

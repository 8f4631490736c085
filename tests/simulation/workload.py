"""What users do in a run: submit, repeat, cancel, by REST and by kubectl; and what was promised to them."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from picshapes_api.core.errors import ApiError, InsufficientCreditsError
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_crds import names
from picshapes_crds.cluster import JOBS, AlreadyExistsError, InvalidError, Json, NotFoundError

from .api_part import ApiPart
from .api_server import ApiServer
from .faults import Fault, Faults
from .loop import SimulatedLoop
from .parts import Running, within
from .pods import NAMESPACE, NEIGHBOUR

USERS: Final = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
MODELS: Final = ("z-image-turbo", "flux-schnell")
TRIES: Final = 30
KUBECTL_NAMES: Final = ("first", "second", "third", "fourth")


@dataclass
class Promises:
    """What the API answered."""

    accepted: set[str] = field(default_factory=set)
    by_key: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: int = 0


class Workload:
    """The users of one run."""

    def __init__(
        self,
        loop: SimulatedLoop,
        server: ApiServer,
        apis: Callable[[], list[Running[ApiPart]]],
        faults: Faults,
        rng: random.Random,
    ) -> None:
        self._loop, self._server, self._apis, self._faults, self._rng = loop, server, apis, faults, rng
        self.promises = Promises()
        self.wanted = rng.randint(3, 14)

    async def run(self, duration_s: float) -> None:
        """Do everything; returns when the last client has given up or was answered."""
        async with asyncio.TaskGroup() as users:
            for number in range(self.wanted):
                begins_s = self._rng.uniform(1, duration_s)
                by_api = self._rng.random() < 0.7
                users.create_task(self._use_api(number, begins_s) if by_api else self._use_kubectl(begins_s))

    async def _use_api(self, number: int, begins_s: float) -> None:
        rng = self._rng
        await asyncio.sleep(begins_s)
        body: Json = {"prompt": f"picture {number}", "model": rng.choice(MODELS), "width": 256, "height": 256}
        body["tier"] = rng.choice(("basic", "basic", "pro", "premium"))
        if rng.random() < 0.2:
            body["negative_prompt"] = "blue"
        user = rng.choice(USERS)
        key = f"key-{rng.randrange(20)}" if rng.random() < 0.7 else None
        if key is not None:
            body["prompt"] = key  # who repeats a key repeats the body
            rest = random.Random(key)
            body |= {"model": rest.choice(MODELS), "tier": rest.choice(("basic", "pro"))}
            body.pop("negative_prompt", None)
        sends = 2 if key and self._faults.draw(Fault.SUBMISSION_REPEATED, 0.3) else 1
        answers = await asyncio.gather(*(self._submit(user, json.dumps(body).encode(), key) for _ in range(sends)))
        job_id = next((one for one in answers if one), None)
        if job_id and rng.random() < 0.25:
            await asyncio.sleep(rng.uniform(0, 30))
            await self._cancel(job_id)

    async def _submit(self, user: str, body: bytes, key: str | None) -> str | None:
        """Send a submission until it is answered; without a key only once."""
        for _ in range(TRIES if key else 1):
            apis = self._apis()
            if apis:
                running = self._rng.choice(apis)
                try:
                    answer = await within(self._loop, running, running.part.submit(user, body, key))
                except InsufficientCreditsError:
                    self.promises.refused += 1
                    return None
                except (ApiError, DatabaseUnavailableError):
                    answer = None
                if answer is not None:
                    return self._note(user, key, answer[0])
            await asyncio.sleep(self._rng.uniform(0.5, 5))
        return None

    def _note(self, user: str, key: str | None, job_id: str) -> str:
        self.promises.accepted.add(job_id)
        if key is not None:
            self.promises.by_key[user, key].add(job_id)
        return job_id

    async def _cancel(self, job_id: str) -> None:
        apis = self._apis()
        if not apis:
            return
        running = self._rng.choice(apis)
        with suppress(DatabaseUnavailableError):  # this user doesn't try again
            await within(self._loop, running, running.part.cancel(job_id))

    async def _use_kubectl(self, begins_s: float) -> None:
        rng = self._rng
        await asyncio.sleep(begins_s)
        namespace, name = rng.choice((NAMESPACE, NEIGHBOUR)), rng.choice(KUBECTL_NAMES)
        spec: Json = {
            "prompt": "by hand",
            "model": rng.choice((*MODELS, *MODELS, "no-such-model")),
            "width": 512,
            "height": 512,
            "priority": rng.choice((0, 0, 5, -5)),
            "deadlineSeconds": rng.choice((5, 30, 120, 240)),
            "maxAttempts": rng.choice((1, 2, 3)),
        }
        if rng.random() < 0.5:
            spec["ttlSecondsAfterFinished"] = rng.choice((0, 5, 20))
        try:
            self._server.create(JOBS, namespace, kubectl_job(name, spec))
        except AlreadyExistsError:
            return
        if rng.random() < 0.3:
            await asyncio.sleep(rng.uniform(0, 20))
            self._patch(namespace, name, {"spec": {"cancelRequested": True}})

    def _patch(self, namespace: str, name: str, body: Json) -> None:
        with suppress(NotFoundError, InvalidError):  # it is gone, or another of its name can't be changed so
            self._server.merge_patch(JOBS, namespace, name, body)


def kubectl_job(name: str, spec: Any) -> Json:
    """Return a job as kubectl applies it."""
    kind = {"apiVersion": names.API_VERSION, "kind": names.KIND}
    return kind | {"metadata": {"name": name}, "spec": spec}

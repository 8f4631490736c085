"""Users at work while everything breaks: they submit until they are answered, cancel now and then, use kubectl."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx

from picshapes_crds import names
from picshapes_crds.cluster import JOBS, AlreadyExistsError, ClusterError, Json
from picshapes_crds.cluster.kube import KubeCluster

from .site import NAMESPACE

PATIENCE_S: Final = 5.0
ENDED: Final = ("completed", "failed")


@dataclass
class Promises:
    """What the users were told."""

    accepted: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The ids that were answered for each idempotency key: one, however often it was sent."""
    cancelled: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    """Names of jobs made with kubectl."""
    refused: list[str] = field(default_factory=list)
    """Answers that nobody should get."""

    @property
    def jobs(self) -> set[str]:
        """All jobs that were accepted over HTTP."""
        return {job for ids in self.accepted.values() for job in ids}


class Load:
    """Some users, each busy until told to stop."""

    def __init__(self, apis: list[str], key: str, cluster: KubeCluster, rng: random.Random) -> None:
        self._apis, self._key, self._cluster, self._rng = apis, key, cluster, rng
        self.promises = Promises()
        self.stopping = False

    async def run(self, users: int) -> None:
        """Work until `stopping`; what was begun is brought to an answer."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(users):
                tasks.create_task(self._use_rest(number))
            tasks.create_task(self._use_kubectl())

    async def _use_rest(self, user: int) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            number = 0
            while not self.stopping:
                number += 1
                job = await self._submit(client, f"user-{user}-job-{number}")
                if job is not None and self._rng.random() < 0.15:
                    await self._cancel(client, job)
                await asyncio.sleep(self._rng.uniform(0.1, 1.5))

    async def _submit(self, client: httpx.AsyncClient, key: str) -> str | None:
        """Send one submission until it is accepted; now and then twice at once."""
        while True:
            copies = 2 if self._rng.random() < 0.1 else 1
            answers = await asyncio.gather(*(self._send(client, key) for _ in range(copies)))
            ids = [one for one in answers if one is not None]
            self.promises.accepted[key].update(ids)
            if ids:
                return ids[0]
            await asyncio.sleep(self._rng.uniform(0.2, 1.0))

    async def _send(self, client: httpx.AsyncClient, key: str) -> str | None:
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key}
        body = {"prompt": f"a red circle for {key}", "width": 256, "height": 256}
        url = f"{self._rng.choice(self._apis)}/api/v1/jobs"
        try:
            answer = await client.post(url, json=body, headers=headers)
        except httpx.TransportError:  # killed, paused, or too slow
            return None
        if answer.is_success:
            return str(answer.json()["id"])
        if answer.status_code not in (429, 503):
            self.promises.refused.append(f"{answer.status_code} {answer.text[:300]}")
        return None

    async def _cancel(self, client: httpx.AsyncClient, job: str) -> None:
        self.promises.cancelled.add(job)
        headers = {"Authorization": f"Bearer {self._key}"}
        with suppress(httpx.TransportError):  # this user doesn't try again
            await client.delete(f"{self._rng.choice(self._apis)}/api/v1/jobs/{job}", headers=headers)

    async def _use_kubectl(self) -> None:
        number = 0
        while not self.stopping:
            number += 1
            await self._apply(f"by-hand-{number}")
            await asyncio.sleep(self._rng.uniform(1, 3))

    async def _apply(self, name: str) -> None:
        while True:
            try:
                await self._cluster.create(JOBS, NAMESPACE, _job(name))
            except AlreadyExistsError:  # an earlier try has landed
                break
            except ClusterError:
                await asyncio.sleep(self._rng.uniform(0.2, 1.0))
            else:
                break
        self.promises.applied.add(name)


async def until_all_ended(
    apis: list[str], key: str, jobs: set[str], note: Callable[[str], None]
) -> dict[str, Json]:
    """Ask until every job has ended; return what is told of each."""
    told: dict[str, Json] = {}
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers=headers) as client:
        while left := sorted(jobs - told.keys()):
            note(f"{len(left)} of {len(jobs)} jobs have not ended")
            with suppress(httpx.TransportError):  # it is about to be started again
                for job in left:
                    answer = await client.get(f"{apis[0]}/api/v1/jobs/{job}")
                    assert answer.status_code != 404, f"the accepted job {job} is lost"
                    if answer.is_success and answer.json()["status"] in ENDED:
                        told[job] = answer.json()
            await asyncio.sleep(0.5)  # nothing tells of it
    return told


def _job(name: str) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": {"prompt": "a blue star", "width": 256, "height": 256, "deadlineSeconds": 600, "maxAttempts": 5},
    }

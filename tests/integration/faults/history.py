"""Every version of every job, as one unbroken watch tells of them, and what must hold of each such life."""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Changed, Deleted, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import HELD, TERMINAL, Phase, may_follow
from picshapes_crds.resource import GenerationJob, GenerationJobStatus

SEEN_WITHIN_S: Final = 90.0


class History:
    """The jobs of one namespace, from the begin of the watch on."""

    def __init__(self) -> None:
        self.lives: defaultdict[str, list[GenerationJob]] = defaultdict(list)
        """All versions of each job, by its name."""
        self.deleted: set[str] = set()
        self.claimed = 0
        """Claims of all jobs."""
        self.fullest = 0
        """The most jobs that any one process ever held at once."""
        self._held: Counter[str] = Counter()
        self._holder: dict[str, str] = {}
        self._listed = 0
        self._news = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def of(cls, cluster: KubeCluster, namespace: str) -> AsyncIterator[Self]:
        """Follow the jobs of a namespace for as long as the block lasts."""
        history = cls()
        following = asyncio.create_task(history._follow(cluster, namespace))
        try:
            await history.until(lambda: history._listed == 1, "the jobs are listed")
            yield history
        finally:
            following.cancel()
            await asyncio.wait({following})

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds of what was seen."""
        try:
            async with asyncio.timeout(SEEN_WITHIN_S), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not within {SEEN_WITHIN_S:g} s: {what}; {self.told()}") from None

    async def until_phase(self, name: str, *phases: Phase) -> GenerationJobStatus:
        """Wait until a job is in one of these phases now."""
        await self.until(lambda: name in self.lives and self.now(name).phase in phases, f"{name} is {phases}")
        return self.now(name)

    async def until_claimed(self, name: str, times: int) -> None:
        """Wait until a job has been claimed so many times."""
        await self.until(lambda: len(self.claims(name)) >= times, f"{name} is claimed {times} times")

    async def until_ended(self, *names: str) -> dict[str, GenerationJobStatus]:
        """Wait until jobs have ended; return how."""
        await self.until(
            lambda: all(name in self.lives and self.now(name).phase in TERMINAL for name in names),
            f"all of {names} have ended",
        )
        return {name: self.now(name) for name in names}

    def now(self, name: str) -> GenerationJobStatus:
        """Return a job's newest status."""
        return self.lives[name][-1].status

    def told(self) -> dict[str, list[str]]:
        """Return the lives in short, for people."""
        return {name: self._life(name) for name in self.lives}

    def _life(self, name: str) -> list[str]:
        return [_short(one.status) for one in self.lives[name]]

    def claims(self, name: str) -> list[tuple[int, str]]:
        """Return attempt and process of each claim of a job, in order."""
        life = [GenerationJobStatus(), *(one.status for one in self.lives[name])]
        return [
            (new.attempt, new.worker_id or "")
            for old, new in itertools.pairwise(life)
            if new.attempt != old.attempt
        ]

    def handed_back(self, *names: str) -> set[str]:
        """Return the reasons for which any of these jobs went back to Pending."""
        reasons = set()
        for name in names:
            statuses = [one.status for one in self.lives[name]]
            for old, new in itertools.pairwise(statuses):
                if old.phase in HELD and new.phase is Phase.PENDING:
                    reasons.add(new.conditions[0].reason if new.conditions else "")
        return reasons

    def check(self) -> None:
        """Hold each life to the rules: one step at a time, a claim an attempt, nothing after the end."""
        assert self._listed == 1, "the watch was broken: versions are missing"
        for name, life in self.lives.items():
            uids = {one.metadata.uid for one in life}
            assert len(uids) == 1, f"{name} was made {len(uids)} times"
            attempts = [attempt for attempt, _ in self.claims(name)]
            assert attempts == list(range(1, len(attempts) + 1)), f"{name}: {self._life(name)}"
            for old, new in itertools.pairwise(life):
                _check_step(old.status, new.status, f"{name}: {_short(old.status)} then {_short(new.status)}")

    async def _follow(self, cluster: KubeCluster, namespace: str) -> None:
        reflector = Reflector(cluster, JOBS, Scope(namespace), SystemClock(), random.Random())
        async for seen in reflector.observations():
            match seen:
                case Listed(objects):
                    self._listed += 1
                    changed = objects
                case Changed(one):
                    changed = [one]
                case Deleted(one):
                    changed = []
                    self.deleted.add(one["metadata"]["name"])
                    self._released(one["metadata"]["uid"])
                case _:
                    continue
            for one in changed:
                self._see(GenerationJob.parse(one))
            async with self._news:
                self._news.notify_all()

    def _see(self, job: GenerationJob) -> None:
        life = self.lives[job.metadata.name]
        self.claimed += job.status.attempt - (life[-1].status.attempt if life else 0)
        life.append(job)
        self._released(job.metadata.uid)
        if job.status.phase in HELD:
            holder = self._holder[job.metadata.uid] = job.status.worker_id or ""
            self._held[holder] += 1
            self.fullest = max(self.fullest, self._held[holder])

    def _released(self, uid: str) -> None:
        if holder := self._holder.pop(uid, None):
            self._held[holder] -= 1


def _check_step(old: GenerationJobStatus, new: GenerationJobStatus, told: str) -> None:
    if old.phase in TERMINAL:
        assert new == old, told
        return
    assert new.phase == old.phase or may_follow(old.phase, new.phase), told
    if old.attempt != new.attempt:
        assert (old.phase, new.phase, new.attempt) == (Phase.PENDING, Phase.CLAIMED, old.attempt + 1), told
    elif old.phase in HELD and new.phase is not Phase.PENDING:
        assert (new.worker_id, new.worker_name) == (old.worker_id, old.worker_name), told
    lost = (new.failures or 0) - (old.failures or 0)
    assert lost in (0, int((old.phase, new.phase) == (Phase.PROCESSING, Phase.PENDING))), told


def _short(status: GenerationJobStatus) -> str:
    holder = f"@{status.worker_name}/{status.worker_id[:4]}" if status.worker_id else ""
    return f"{status.phase}{holder}#{status.attempt}-{status.failures or 0}"

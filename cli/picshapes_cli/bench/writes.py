"""Figure 5: what one job costs the API server in requests, as it counts them itself.

Writes a job, beside those of a bare client and of a stock kopf operator; requests that `GET /jobs/{id}` makes it
answer; LISTs while nothing happens.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from picshapes_cli.bench import r0
from picshapes_cli.bench.apiserver_requests import ApiserverRequests, Asked, apiserver_requests, per_job, writes
from picshapes_cli.bench.ground import BASELINE_NAMESPACE, REQUEST, bearer, lift_limits, make_baseline_namespace
from picshapes_cli.bench.load import Target, load, request_bytes
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.bench.sights import Sights
from picshapes_cli.bench.twins import claimed_by_twin, kopf_twin
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.up.options import Engine, UpOptions
from picshapes_cli.up.stack import Running, Tell, running
from picshapes_crds.cluster import JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster

TIMEOUT_S: Final = 300.0
AT_ONCE: Final = 8
"""Jobs that live at a time: a job that waits long is written to, so that people know why."""
SHOWN_EVERY_S: Final = 10
RESYNC_S: Final = 300
WATCHED: Final = ("generationjobs", "pods")
"""What is listed again, its metadata alone, every five minutes."""
GETS: Final = 1000


@dataclass(frozen=True)
class _Bench:
    """One running PicShapes, and what its API server is asked."""

    state: Running
    cluster: KubeCluster
    requests: ApiserverRequests
    tell: Tell

    async def lives(self, count: int) -> Counter[Asked]:
        """Let jobs live from POST to deletion; return what was asked for it, less what the bench itself did."""
        done, patched = Sights(), Counter({Asked("PATCH", "generationjobs"): count})
        ended = Scope(self.state.namespace, field_selector="status.phase=Completed")
        headers = bearer(self.state.keys.user)
        async with (
            done.watching(self.cluster, ended),
            aiohttp.ClientSession(self.state.api_url, headers=headers) as http,
        ):
            before, names = await self.requests.counts(), list[str]()

            async def live(number: int) -> None:
                async with http.post("/api/v1/jobs", json=REQUEST, raise_for_status=True) as answer:
                    names.append((await answer.json())["id"])
                await done.until(lambda: len(done.seen_at) > number - AT_ONCE, TIMEOUT_S)

            await r0.concurrently(count, AT_ONCE, live)
            await done.until(lambda: len(done.seen_at) >= count, TIMEOUT_S)
            await r0.concurrently(count, AT_ONCE, lambda number: self._expire(names[number]))
            await done.until(lambda: len(done.gone) >= count, TIMEOUT_S)
            return await self.requests.once_settled(before) - patched

    async def _expire(self, name: str) -> None:
        """End a job's time to live, which is an hour."""
        change = {"spec": {"ttlSecondsAfterFinished": 0}}
        await self.cluster.merge_patch(JOBS, self.state.namespace, name, change)

    async def bare_lives(self, count: int) -> Counter[Asked]:
        """Let a bare client do the same to as many jobs."""
        before = await self.requests.counts()
        await r0.concurrently(count, AT_ONCE, r0.life(self.cluster, BASELINE_NAMESPACE))
        return await self.requests.since(before)

    async def gets(self, count: int) -> Counter[Asked]:
        """Ask the REST API for one job again and again; return what it asked the API server meanwhile."""
        headers = bearer(self.state.keys.user)
        async with (
            aiohttp.ClientSession(self.state.api_url, headers=headers, raise_for_status=True) as http,
            http.post("/api/v1/jobs", json=REQUEST) as answer,
        ):
            path = f"/api/v1/jobs/{(await answer.json())['id']}"
        await self.requests.once_settled(Counter())
        before = await self.requests.counts()
        await load(Target(urlsplit(self.state.api_url).port or 80, request_bytes("GET", path, {}), 200), count)
        return await self.requests.since(before)

    async def steady(self, lasting_s: int) -> Counter[Asked]:
        """Return what is asked in a time in which nothing happens."""
        before = await self.requests.counts()
        for second in range(0, lasting_s, SHOWN_EVERY_S):
            self.tell(f"Watching it do nothing: {second} of {lasting_s} s")
            await asyncio.sleep(min(SHOWN_EVERY_S, lasting_s - second))
        return await self.requests.since(before)


async def bench_writes(folder: Path, binaries: Binaries, count: int, steady_s: int, tell: Tell) -> Figure:
    """Count all of it on one control plane."""
    options = UpOptions(
        folder=folder, port=0, workers=2, engine=Engine.NULL, durable=False, first_credits=count + 1
    )
    async with (
        running(options, binaries, tell) as state,
        await KubeCluster.connect(state.kubeconfig) as cluster,
        apiserver_requests(state.kubeconfig) as requests,
    ):
        await lift_limits(state)
        await make_baseline_namespace(cluster)
        bench = _Bench(state, cluster, requests, tell)
        tell(f"Counting the requests of {count} jobs, then of a bare client's")
        ours, bare = await bench.lives(count), await bench.bare_lives(count)
        tell("Counting the requests behind GET /api/v1/jobs/{id}")
        gets, steady = await bench.gets(GETS), await bench.steady(steady_s)
        tell(f"Counting the requests of a stock kopf operator that claims {count} jobs")
        async with kopf_twin(folder, state.kubeconfig):
            rate, twin = await claimed_by_twin(cluster, requests, count, tell)
    return _figures(_Counts(ours, bare, gets, steady, twin), count, steady_s, rate)


@dataclass(frozen=True)
class _Counts:
    ours: Counter[Asked]
    bare: Counter[Asked]
    gets: Counter[Asked]
    steady: Counter[Asked]
    twin: Counter[Asked]


def _figures(counts: _Counts, count: int, steady_s: int, twin_rate: float) -> Figure:
    machine = this_machine()
    details = {
        "requests_a_job": per_job(counts.ours, count),
        "baseline_requests_a_job": per_job(counts.bare, count),
    }
    own = Figure(
        "writes", writes(counts.ours) / count, writes(counts.bare) / count, "writes/job", machine, "<= 1", details
    )
    # Ours creates, claims, completes and deletes; the twin is given jobs, and claims them.
    claims = Asked("PATCH", "generationjobs/status")
    twin = Figure(
        "writes-kopf",
        counts.ours[claims] / count - 1,
        writes(counts.twin) / count - 1,
        "writes/claim",
        machine,
        "<= 0.5",
        {"requests_a_job": per_job(counts.twin, count), "claims_a_second": round(twin_rate, 1)},
    )
    behind = sum(often for asked, often in counts.gets.items() if asked.resource == "generationjobs")
    gets = Figure("writes-gets", behind / GETS, 1, "API-server requests/GET", machine, "== 0", {"gets": GETS})
    lists = sum(
        often for asked, often in counts.steady.items() if asked.verb == "LIST" and asked.resource in WATCHED
    )
    due = len(WATCHED) * max(1, steady_s / RESYNC_S)
    steady = Figure(
        "writes-lists",
        lists,
        due,
        "LISTs",
        machine,
        "<= 1",
        {
            "lasting_s": steady_s,
            "requests": {str(asked): often for asked, often in sorted(counts.steady.items())},
        },
    )
    return own.beside(twin).beside(gets).beside(steady)

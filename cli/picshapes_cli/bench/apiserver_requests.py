"""What kube-apiserver itself says it was asked: its counter `apiserver_request_total`, by verb and resource.

Counted there, and not by our own clients, so that nothing a library does on the side is missed.
"""

import asyncio
import base64
import contextlib
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml

READS: Final = ("GET", "LIST", "WATCH")
WRITES: Final = ("POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION")

QUIET_S: Final = 3.0
SETTLES_WITHIN_S: Final = 300.0
"""Somebody who still writes after this will not stop."""

_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, order=True)
class Asked:
    """One kind of request."""

    verb: str
    resource: str
    """With its subresource, as in `generationjobs/status`."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def read_counts(text: str) -> Counter[Asked]:
    """Add up the counter's samples in Prometheus' text format, over status codes, groups and scopes."""
    counts: Counter[Asked] = Counter()
    for line in text.splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(_LABEL.findall(line))
            where = "/".join(filter(None, (labels.get("resource", ""), labels.get("subresource", ""))))
            counts[Asked(labels["verb"], where)] += int(float(line.rsplit(" ", 1)[1]))
    return counts


class ApiserverRequests:
    """Reads the counter."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def counts(self) -> Counter[Asked]:
        """Return all requests that have been answered since the server started; open watches are not."""
        answer = await self._client.get("/metrics")
        answer.raise_for_status()
        return read_counts(answer.text)

    async def since(self, before: Counter[Asked]) -> Counter[Asked]:
        """Return what was asked after `before`."""
        return await self.counts() - before

    async def once_settled(self, before: Counter[Asked]) -> Counter[Asked]:
        """Return what was asked after `before`, once nobody has written for a while but to renew Leases.

        Raises TimeoutError when there is no such while in a long time.
        """
        asked = await self.since(before)
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while True:
                await asyncio.sleep(QUIET_S)  # the while itself: that nothing is written in it
                later = await self.since(before)
                if writes(later) == writes(asked):
                    return later
                asked = later


@contextlib.asynccontextmanager
async def apiserver_requests(kubeconfig: Path) -> AsyncIterator[ApiserverRequests]:
    """Give a reader with the credentials of a kubeconfig, which must be an admin's."""
    config = yaml.safe_load(await asyncio.to_thread(kubeconfig.read_text, encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {user['token']}"}
    # trust_env: a proxy that the environment names must not be asked for loopback.
    async with httpx.AsyncClient(
        base_url=cluster["server"], headers=headers, verify=trust, trust_env=False, timeout=30
    ) as client:
        yield ApiserverRequests(client)


def writes(counts: Mapping[Asked, int], besides: tuple[str, ...] = ("leases",)) -> int:
    """Add up the writes, but for those of some resources: leases are renewed however many jobs there are."""
    return sum(count for asked, count in counts.items() if asked.verb in WRITES and asked.resource not in besides)


def per_job(counts: Mapping[Asked, int], jobs: int) -> dict[str, float]:
    """Return how often each kind of request came for one job; what is below one in a thousand is left out."""
    found = {str(asked): round(count / jobs, 3) for asked, count in sorted(counts.items())}
    return {asked: often for asked, often in found.items() if often}

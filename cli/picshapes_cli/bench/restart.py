"""Figure 10: the operator is killed in the middle of its claims, with many live jobs; its successor takes over.

Counts claims that should not have been, over the whole run. Times the successor from the start of its process to
its first claim, against a process that does no more than start, LIST and read the same jobs. The successor has the
dead one's identity, since its death is certain: another would wait for the Lease to run out, which takes 10 s.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from picshapes_cli.bench.ground import Alone, control_plane_alone, fill
from picshapes_cli.bench.pretended_fleet import PretendedFleet
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import Child, ChildExitedError, Children, ChildSpec
from picshapes_cli.up import parts
from picshapes_cli.up.stack import Tell
from picshapes_crds.scheduling.fit import PLACES

READY_TIMEOUT_S: Final = 300.0
TIMEOUT_S: Final = 300.0
QUIET_S: Final = 1.0
ROUNDS: Final = 4
"""How often all places are taken anew before the kill, and again after it."""


@dataclass(frozen=True)
class RestartOptions:
    """Jobs that live when the operator is killed, and workers that are pretended."""

    live: int = 10_000
    workers: int = 20


class _Bench:
    def __init__(self, alone: Alone, port: int, options: RestartOptions, tell: Tell) -> None:
        """`port` is for the operators' probes."""
        self._alone, self._options, self._tell = alone, options, tell
        self._folder = alone.site.layout.root
        self._fleet = PretendedFleet(alone.cluster, alone.namespace, options.workers)
        self._places = PLACES * options.workers
        part = parts.operator(alone.site, alone.operator_kubeconfig, port)
        env = {**(part.spec.env or {}), "PICSHAPES_IDENTITY": "bench"}
        self._part = replace(part, spec=replace(part.spec, env=env))

    async def run(self) -> Figure:
        """Do all of it."""
        ended = ROUNDS * self._places
        await fill(self._alone.cluster, self._alone.namespace, self._options.live + ended, self._tell)
        async with Children() as children, self._fleet.working():
            self._tell("Starting the operator, and killing it while it claims")
            operator = await children.start(self._part.spec)
            await self._ready(operator)
            await self._fleet.until(lambda: len(self._fleet.ledger.held) >= self._places, TIMEOUT_S)
            ending = asyncio.create_task(self._fleet.end(ended, TIMEOUT_S))
            await self._fleet.until(lambda: self._fleet.ledger.claims >= ended, TIMEOUT_S)
            operator.kill()
            await operator.wait()
            await ending
            await self._fleet.quiet(QUIET_S)
            self._tell("LIST and read alone")
            baseline_s, steps = await self._list_and_parse(children)
            self._tell("Starting the successor")
            began, before = time.perf_counter(), len(self._fleet.claimed_at)
            successor = await children.start(self._part.spec)
            await self._fleet.until(lambda: len(self._fleet.claimed_at) > before, TIMEOUT_S)
            first_s = self._fleet.claimed_at[before] - began
            await self._ready(successor)
            await self._fleet.end(ended, TIMEOUT_S)
            await self._fleet.quiet(QUIET_S)
            rss_mib = psutil.Process(successor.pid).memory_info().rss / 2**20
        ledger, machine = self._fleet.ledger, this_machine()
        details = steps | {
            "claims": ledger.claims,
            "workers": self._options.workers,
            "operator_rss_mib": round(rss_mib),
        }
        double = {"double_claims": ledger.double[:10]}
        first = Figure("restart", first_s, baseline_s, "s", machine, "<= 2", details)
        return first.beside(
            Figure("restart-double-claims", len(ledger.double), ledger.claims, "claims", machine, "== 0", double)
        )

    async def _ready(self, operator: Child) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await operator.wait_ready(self._part.ready_url, client=client, timeout_s=READY_TIMEOUT_S)

    async def _list_and_parse(self, children: Children) -> tuple[float, dict[str, Any]]:
        """Return the seconds that it takes, from the start of the process to its end, and of which steps."""
        file = self._folder / "list-and-parse.json"
        where = [str(self._alone.operator_kubeconfig), self._alone.namespace, str(file)]
        argv = [sys.executable, "-m", "picshapes_cli.bench.list_and_parse", *where]
        began = time.perf_counter()
        child = await children.start(ChildSpec("list and parse", argv, file.with_suffix(".log")))
        status = await child.wait()
        lasted = time.perf_counter() - began
        if status:
            raise ChildExitedError(child, f"ended with status {status}")
        steps = json.loads(await asyncio.to_thread(file.read_text, encoding="utf-8"))
        return lasted, {name: round(value, 3) for name, value in steps.items()}


async def bench_restart(folder: Path, binaries: Binaries, options: RestartOptions, tell: Tell) -> Figure:
    """Kill an operator once, on a control plane of its own."""
    with reserved_port() as port:
        async with control_plane_alone(folder, binaries, tell) as alone:
            return await _Bench(alone, port, options, tell).run()

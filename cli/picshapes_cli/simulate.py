"""`picshapes simulate`: the parts of this checkout under simulated time and seeded faults.

The simulator lies with the tests (`tests/simulation`). This spreads seeds over processes, adds up what they tell,
and for a seed that fails shows a small trace and the command that runs it again.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from picshapes_cli.shown import console

ROOT: Final = Path(__file__).resolve().parents[2]
SIMULATOR: Final = ROOT / "tests" / "simulation"
SHARE: Final = 200
"""Seeds that one process runs before the next one takes over: what is left in memory slows it down."""
LINE_BYTES: Final = 64 * 1024 * 1024
"""A line holds a whole trace."""


@dataclass
class Totals:
    """What all seeds came to."""

    seeds: int = 0
    steps: int = 0
    fewest_steps: int | None = None
    events: int = 0
    simulated_s: float = 0
    jobs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    unequal: list[int] = field(default_factory=list)
    """Seeds whose second run was another one."""
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: dict[str, Any]) -> None:
        """Add one seed."""
        self.seeds += 1
        self.steps += line["steps"]
        self.fewest_steps = min(line["steps"], self.fewest_steps or line["steps"])
        self.events += line["events"]
        self.simulated_s += line["simulated_s"]
        self.jobs += line["jobs"]
        self.faults.update(line["faults"])
        self.transitions.update(line["transitions"])
        if not line.get("equal", True):
            self.unequal.append(line["seed"])
        if line["violation"]:
            self.failures.append(line)

    def body(self, wall_s: float) -> dict[str, Any]:
        """Return everything as JSON."""
        return {
            "seeds": self.seeds,
            "wall_s": round(wall_s, 1),
            "seeds_per_s": round(self.seeds / wall_s, 2),
            "simulated_hours": round(self.simulated_s / 3600, 2),
            "steps": self.steps,
            "fewest_steps_of_a_seed": self.fewest_steps,
            "events": self.events,
            "jobs": self.jobs,
            "faults": dict(sorted(self.faults.items())),
            "transitions": dict(sorted(self.transitions.items())),
            "unequal": self.unequal,
            "failures": [one | {"replay": replay(one)} for one in self.failures],
        }


def replay(line: dict[str, Any]) -> str:
    """Return the command that runs a failing seed again, with no more faults than it takes."""
    without = ",".join(line.get("without", ()))
    return f"picshapes simulate --first {line['seed']} --seeds 1 --trace" + (
        f" --without {without}" if without else ""
    )


def simulate(  # noqa: PLR0913, PLR0917 - each option is a parameter
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 100,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Processes that run seeds.")] = os.cpu_count() or 1,
    without: Annotated[str, typer.Option(help="Kinds of faults to leave out, comma-separated.")] = "",
    twice: Annotated[bool, typer.Option("--twice", help="Run each seed twice and compare the traces.")] = False,  # noqa: FBT002 - typer's form
    trace: Annotated[bool, typer.Option("--trace", help="Show all that happens.")] = False,  # noqa: FBT002 - as above
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,  # noqa: FBT002 - as above
) -> None:
    """Run the parts under simulated time and seeded faults; exit status 1 if an invariant is violated."""
    if not SIMULATOR.is_dir():
        console.print(f"The simulator is part of a checkout of PicShapes; there is none at {ROOT}.")
        raise typer.Exit(2)
    options = [f"--without={without}", *(["--twice"] if twice else []), *(["--trace"] if trace else [])]
    size = min(SHARE, -(-seeds // processes))
    shares = [
        [f"--first={begin}", f"--count={min(size, first + seeds - begin)}", *options]
        for begin in range(first, first + seeds, size)
    ]
    began, totals = time.monotonic(), Totals()

    def told(line: dict[str, Any]) -> None:
        totals.add(line)
        if trace and not as_json:
            sys.stdout.write("\n".join(line["trace"]) + "\n")
        elif totals.seeds % SHARE == 0:
            progress = f"{totals.seeds} of {seeds} seeds, {len(totals.failures)} failed"
            sys.stderr.write(f"{progress}, {time.monotonic() - began:.0f} s\n")

    asyncio.run(_run(shares, processes, told))
    body = totals.body(time.monotonic() - began)
    if as_json:
        sys.stdout.write(json.dumps(body, indent=2) + "\n")
    else:
        _show(body)
    if totals.failures or totals.unequal:
        raise typer.Exit(1)


async def _run(shares: list[list[str]], processes: int, told: Callable[[dict[str, Any]], None]) -> None:
    """Run the shares, so many at once."""
    left = iter(shares)

    async def run_shares() -> None:
        for share in left:  # shared: each takes the next one
            async for line in _lines(share):
                told(line)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(processes):
            tasks.create_task(run_shares())


async def _lines(arguments: list[str]) -> AsyncIterator[dict[str, Any]]:
    """Run seeds in a process of their own and yield what it says of each."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.simulation", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},  # the order of sets of strings is part of a run
        limit=LINE_BYTES,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        async for line in process.stdout:
            yield json.loads(line)
        if await process.wait():
            raise RuntimeError(f"the simulator ended with status {process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _show(body: dict[str, Any]) -> None:
    console.print(
        f"{body['seeds']} seeds in {body['wall_s']} s ({body['seeds_per_s']} a second):"
        f" {body['simulated_hours']} simulated hours, {body['jobs']} jobs, {body['steps']} steps"
    )
    for title in ("faults", "transitions"):
        console.print(
            f"{title}:", ", ".join(f"{name} {count}" for name, count in body[title].items()), markup=False
        )
    for seed in body["unequal"]:
        console.print(f"seed {seed} ran differently the second time")
    for failure in body["failures"]:
        console.print(f"\nseed {failure['seed']}: {failure['violation']}", markup=False)
        for line in failure["trace"]:
            console.print(f"  {line}", markup=False, highlight=False)
        console.print(f"again: {failure['replay']}", markup=False)

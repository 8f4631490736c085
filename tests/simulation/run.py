"""One run: a world from a seed, its life under faults, its end in peace, and what came of it."""

import asyncio
import contextvars
import gc
import logging
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from picshapes_api.storage.database import Database
from picshapes_api.storage.ledger import Movement, add_entry
from picshapes_api.storage.url import parse
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.phases import Phase

from .chaos import Chaos
from .ending import await_ends, await_expiry, look_at_promises, look_at_rest
from .faults import Fault
from .loop import SimulatedLoop
from .trace import Trace
from .workload import USERS
from .world import Plan, World

GRANT = 40


@dataclass(frozen=True)
class Outcome:
    """What came of a seed."""

    seed: int
    violation: str | None
    digest: str
    steps: int
    events: int
    simulated_s: float
    faults: Counter[Fault]
    moves: Counter[tuple[Phase, Phase]]
    jobs: int
    trace: Trace


def make_template(path: Path) -> None:
    """Make a database with tables and users, from which every run's is copied."""

    async def make() -> None:
        database = await Database.connect(parse(f"sqlite://{path}"))
        for user in USERS:

            async def work(session: Any, user: str = user) -> None:
                await session.fetch(
                    "INSERT INTO users (id, email, role, credits, disabled, created_at_ms)"
                    " VALUES ($1, $2, 'user', 0, false, 0)",
                    user,
                    f"{user}@example.com",
                )
                await add_entry(session, Movement(user, "grant", GRANT, "first credits", 0))

            await database.write(work)
        await database.close()

    asyncio.run(make())


def be_quiet() -> None:
    """Write no log: at this speed it would take most of the time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_seed(plan: Plan, catalogue: Catalogue) -> Outcome:
    """Run one seed to its end or to the first violation."""
    loop = SimulatedLoop(random.Random(f"{plan.seed} order"))
    gc.disable()
    try:
        asyncio.set_event_loop(loop)
        return contextvars.Context().run(_run, plan, loop, catalogue)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        gc.enable()


def _run(plan: Plan, loop: SimulatedLoop, catalogue: Catalogue) -> Outcome:
    world = World(plan, loop, catalogue)
    try:
        loop.run_until_complete(_live(world, plan.seed))
        checks = world.checks
        for failure in loop.failures:
            checks.violated(f"nobody caught {failure.get('exception')!r}: {failure['message']}")
    finally:
        world.close()
        loop.run_until_complete(_settle(loop))
    return Outcome(
        seed=plan.seed,
        violation=checks.violation,
        digest=world.trace.digest(),
        steps=loop.steps,
        events=len(world.trace.noted),
        simulated_s=loop.time(),
        faults=world.net.faults.struck,
        moves=checks.moves,
        jobs=len(checks.lives),
        trace=world.trace,
    )


async def _settle(loop: SimulatedLoop) -> None:
    """Let the killed processes unwind, then end the rest."""
    await asyncio.sleep(0)
    left = [task for task in loop.world.tasks if not task.done() and task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


async def _live(world: World, seed: int) -> None:
    """Live until the end or the first violation."""
    rng = random.Random(f"{seed} life")
    keepers = [asyncio.create_task(keep()) for keep in world.furnish()]
    story = asyncio.create_task(_story(world, rng))
    failing = asyncio.create_task(world.checks.violated_at.wait())
    ends: list[asyncio.Task[Any]] = [story, failing, *keepers]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in ends:
        task.cancel()
    results = await asyncio.gather(*ends, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _story(world: World, rng: random.Random) -> None:
    duration_s = rng.uniform(30, 120)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Chaos(world, rng).run(duration_s))
        tasks.create_task(world.workload.run(duration_s))
    world.calm()
    await await_ends(world)
    look_at_promises(world)
    await await_expiry(world)
    look_at_rest(world)

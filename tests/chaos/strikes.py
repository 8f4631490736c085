"""A seeded schedule of what is done to whom, and its carrying out."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .servers import Server, tell
from .site import Site

Act = Literal["kill", "pause", "reset"]

PAUSES_S: Final = (0.5, 3.0, 8.0)
AWAY_S: Final = (0.0, 3.0)


@dataclass(frozen=True)
class Strike:
    """One blow."""

    at_s: float
    """When, in seconds from the begin."""
    victim: str
    act: Act
    lasts_s: float
    """How long a pause is, or how long a killed server stays away."""


def schedule(
    rng: random.Random, blows: Mapping[str, tuple[Act, ...]], duration_s: float, rounds: int
) -> list[Strike]:
    """Spread every blow at every victim over the time, in a drawn order, so many rounds of it."""
    everything = [(victim, act) for victim, acts in blows.items() for act in acts]
    drawn: list[tuple[str, Act]] = []
    for _ in range(rounds):
        rng.shuffle(everything)
        drawn += everything
    pace_s = duration_s / len(drawn)
    return [
        Strike(
            (number + rng.random()) * pace_s,
            victim,
            act,
            rng.choice(PAUSES_S) if act == "pause" else rng.uniform(*AWAY_S),
        )
        for number, (victim, act) in enumerate(drawn)
    ]


class Striker:
    """Carries a schedule out."""

    def __init__(self, site: Site, servers: Mapping[str, Server], note: Callable[[str], None]) -> None:
        self._site, self._servers, self._note = site, servers, note
        self._turns = {name: asyncio.Lock() for name in [*site.parts, *servers]}
        """Blows at one victim come one after another: who is paused isn't killed half-way."""
        self.dealt: Counter[tuple[str, Act]] = Counter()

    async def run(self, strikes: list[Strike]) -> None:
        """Deal every blow at its time, and wait until each victim stands again."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as blows:
            for strike in strikes:
                await asyncio.sleep(max(0.0, began + strike.at_s - loop.time()))
                blows.create_task(self._deal(strike))

    async def _deal(self, strike: Strike) -> None:
        async with self._turns[strike.victim]:
            self._note(f"{strike.act} {strike.victim}, {strike.lasts_s:.1f} s")
            server = self._servers.get(strike.victim)
            match strike.act:
                case "reset":
                    assert server is not None, "only what has a proxy can be reset"
                    server.proxy.reset()
                case "pause":
                    await self._pause(strike, server)
                case "kill" if server is not None:
                    await server.replace(strike.lasts_s)
                case "kill":
                    tell(self._site.pids(strike.victim), signal.SIGKILL)  # it is started again by its keeper
            self.dealt[strike.victim, strike.act] += 1

    async def _pause(self, strike: Strike, server: Server | None) -> None:
        pids = server.pids() if server is not None else self._site.pids(strike.victim)
        tell(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(strike.lasts_s)
        finally:
            tell(pids, signal.SIGCONT)


def missing(dealt: Counter[tuple[str, Act]], blows: Mapping[str, tuple[Act, ...]]) -> Iterator[tuple[str, Act]]:
    """Yield the blows that were never dealt."""
    return ((victim, act) for victim, acts in blows.items() for act in acts if not dealt[victim, act])

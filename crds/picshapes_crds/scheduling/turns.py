"""Whose turn it is among jobs that wait for the same places: the order in which the scheduler takes them. Pure.

By level of priority, then from the owner who has used the least, each claim counting as use at once, then by age.
A job that has waited long while a higher priority waits too is raised above all priorities.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from picshapes_crds.scheduling.demand import Demand

AGES_AFTER_S: Final = 600.0
"""How long a job waits before no higher priority passes it any more."""
AGED_LEVEL: Final = 1001
"""Above all priorities."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where a waiting job stands: what it needs, its level, whose it is, and since when it waits."""

    demand: Demand
    level: int
    owner: str
    created_s: float
    cost_s: float
    """GPU-seconds that it is expected to take of its owner's share."""
    run_s: float = 0.0
    """GPU-seconds that it is expected to run."""
    alone: bool = False
    """Nothing is to wait behind it on its worker."""
    lost_on: str = ""
    """The worker with which it was lost last: another one is as good and may do better."""


def is_raised(level: int, waited_s: float, top_level: int) -> bool:
    """Say whether a job's wait raises it: long enough, while a job waits at a higher level than its own."""
    return waited_s >= AGES_AFTER_S and level < top_level


def levels(tickets: Iterable[Ticket], now_s: float) -> Callable[[Ticket], int]:
    """Return the level at which each of all waiting jobs stands now, the raised ones raised."""
    known = list(tickets)
    top = max((one.level for one in known), default=0)
    # A raised job is above the top: then all that have waited as long are raised with it.
    if any(is_raised(one.level, now_s - one.created_s, top) for one in known):
        top = AGED_LEVEL
    return lambda one: AGED_LEVEL if is_raised(one.level, now_s - one.created_s, top) else one.level


def in_turn(
    waiting: Iterable[tuple[str, Ticket]],
    level: Callable[[Ticket], int],
    rank: Callable[[str], float],
    unit: float,
) -> list[str]:
    """Return the ids of jobs in the order in which they would be claimed, were places to come one by one.

    `rank` says how much each owner has used, and `unit` what one GPU-second adds to that now.
    """
    lines: defaultdict[str, list[tuple[int, float, str, float]]] = defaultdict(list)
    for job, ticket in waiting:
        lines[ticket.owner].append((-level(ticket), ticket.created_s, job, ticket.cost_s))
    turns: list[tuple[int, float, float, str]] = []
    for owner, line in lines.items():
        used = rank(owner)
        for negative, created_s, job, cost_s in sorted(line):
            turns.append((negative, used, created_s, job))
            used += cost_s * unit
    return [job for _, _, _, job in sorted(turns)]

"""The parts hold their promises under simulated faults; a run depends on its seed alone; planted bugs are found.

`PICSHAPES_SIMULATION_SEEDS` makes the first test longer; `picshapes simulate` runs more on all cores.
"""

import os
import re
from collections.abc import Iterator

import pytest

from .campaign import Campaign, shown
from .faults import Fault
from .plants import PLANTS, Plant, all_lead
from .pods import NEIGHBOUR

SEEDS = int(os.environ.get("PICSHAPES_SIMULATION_SEEDS", "120"))
SHARE = 12
"""Seeds of one test."""
TRIED = 120
"""Seeds within which a planted bug must be found."""
LEAST_STEPS = 200

# A signal's exception would be one more fault to the simulated loop, which goes on.
pytestmark = pytest.mark.timeout(300, method="thread")


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    with Campaign() as running:
        yield running


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_no_promise_is_broken(campaign: Campaign, first: int) -> None:
    for seed in range(first, min(first + SHARE, SEEDS)):
        outcome = campaign.run(seed)
        again = f"picshapes simulate --first {seed} --seeds 1 --trace"
        assert outcome.violation is None, "\n".join([outcome.violation or "", *shown(outcome), again])
        assert outcome.steps >= LEAST_STEPS


@pytest.mark.parametrize("seed", [1, 5, 11])
def test_a_seed_runs_the_same_each_time(campaign: Campaign, seed: int) -> None:
    first, second = campaign.run(seed), campaign.run(seed)
    assert first.trace.noted == second.trace.noted
    assert (first.steps, first.digest) == (second.steps, second.digest)


def test_two_leaders_at_once_of_operators_and_of_mirrors_break_no_promise(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_lead(monkeypatch)
    for seed in range(SHARE):
        outcome = campaign.run(seed, hostile=frozenset({Fault.LAGGING, Fault.OPERATOR_KILLED, Fault.API_KILLED}))
        assert outcome.violation is None, "\n".join([outcome.violation or "", *shown(outcome)])


@pytest.mark.parametrize(
    "happens",
    [
        rf"{NEIGHBOUR}/.*: Claimed -> Completed",
        rf"{NEIGHBOUR}/.*: .* -> Pending",
        rf"deleted {NEIGHBOUR}/.* in Completed",
    ],
)
def test_the_neighbours_jobs_have_all_that_befalls_jobs(campaign: Campaign, happens: str) -> None:
    runs = (campaign.run(seed) for seed in range(TRIED))
    assert any(re.match(happens, note.what) for outcome in runs for note in outcome.trace.noted)


def test_seeds_run_differently(campaign: Campaign) -> None:
    assert campaign.run(1).digest != campaign.run(2).digest


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_bug_is_found(campaign: Campaign, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant.sow(monkeypatch)
    seen = set()
    for seed in range(TRIED):
        violation = campaign.run(seed, hostile=plant.under).violation
        if violation and plant.found_as.search(violation):
            return
        seen.add(violation)
    pytest.fail(f"not found in {TRIED} seeds; instead: {seen}")

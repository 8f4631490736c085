"""Whose turn it is, and what a wait is explained by."""

from dataclasses import replace

import pytest

from picshapes_crds.scheduling.demand import Demand, Worker, memory_class
from picshapes_crds.scheduling.explain import Line, explain, positions, rivals_of
from picshapes_crds.scheduling.fit import Fit
from picshapes_crds.scheduling.turns import Ticket, in_turn, levels

NEED = Demand("z-image-turbo", "rev1", "real", 20_480)
T4 = Worker("t4", "1", 15_360, "real", {"z-image-turbo": "rev1"}, frozenset(), 0, accepting=True)
A10 = replace(T4, name="a10", vram_mib=23_034, held=2)
H100 = replace(T4, name="h100", vram_mib=81_559, accepting=False)
FLUX = replace(T4, name="flux", vram_mib=81_559, weights={"flux-schnell": "rev1"})
DEMO = replace(H100, name="demo", profile="demo")


def ticket(owner: str = "a", created_s: float = 0.0, level: int = 0, cost_s: float = 1.0) -> Ticket:
    return Ticket(NEED, level, owner, created_s, cost_s)


def order(tickets: dict[str, Ticket], ranks: dict[str, float] | None = None, now_s: float = 0.0) -> list[str]:
    level = levels(tickets.values(), now_s)
    return in_turn(tickets.items(), level, lambda owner: (ranks or {}).get(owner, 0.0), 1.0)


def test_priority_goes_before_use_and_use_before_age() -> None:
    tickets = {"old": ticket("heavy"), "young": ticket("light", 9.0), "urgent": ticket("heavy", 9.0, level=1)}
    assert order(tickets, {"heavy": 5.0}) == ["urgent", "young", "old"]


def test_each_turn_counts_as_use_of_its_owner() -> None:
    tickets = {f"a{n}": ticket("a", n) for n in range(3)} | {f"b{n}": ticket("b", 10 + n) for n in range(2)}
    assert order(tickets, {"b": 1.5}) == ["a0", "a1", "b0", "a2", "b1"]


def test_ten_minutes_of_waiting_raise_a_job_above_all_priorities() -> None:
    tickets = {"patient": ticket(level=-5), "urgent": ticket(created_s=300.0, level=900)}
    assert order(tickets, now_s=599.0) == ["urgent", "patient"]
    assert order(tickets, now_s=600.0) == ["patient", "urgent"]


def test_raised_jobs_raise_those_of_the_top_priority_that_have_waited_as_long() -> None:
    tickets = {"low": ticket(created_s=1.0, level=-5), "top": ticket(level=900)}
    assert order(tickets, now_s=601.0) == ["top", "low"]


def test_nothing_is_raised_while_all_have_one_priority() -> None:
    tickets = {"old": ticket("heavy"), "young": ticket("light", 900.0)}
    assert order(tickets, {"heavy": 5.0}, now_s=1000.0) == ["young", "old"]


@pytest.mark.parametrize(("need", "found"), [(1, 15_360), (15_360, 15_360), (15_361, 23_034), (23_035, None)])
def test_a_memory_class_is_the_smallest_size_that_suffices(need: int, found: int | None) -> None:
    assert memory_class(need, [15_360, 23_034]) == found


def test_positions_are_among_jobs_that_wait_for_the_same_workers() -> None:
    tickets = {
        "small": Ticket(replace(NEED, min_vram_mib=9_000), 0, "a", 0.0, 1.0),
        "big": ticket(created_s=1.0),
        "bigger": Ticket(replace(NEED, min_vram_mib=22_000), 0, "a", 2.0, 1.0),
        "other": Ticket(replace(NEED, model="flux-schnell"), 0, "a", 0.0, 1.0),
    }
    line = Line(tickets, lambda _: 0.0, 1.0, 0.0)
    rivals = rivals_of(NEED, [T4, A10])
    assert positions(rivals, line, [T4, A10]) == {"big": 1, "bigger": 2}


def test_a_wait_counts_who_could_run_the_job_and_what_the_others_lack() -> None:
    wait = explain(NEED, 1, 1, [T4, A10, H100, FLUX, DEMO])
    assert wait.why.message == "needs 20.0 GiB and z-image-turbo; 2 workers have the model and the memory"
    assert wait.could_run == 2
    assert wait.unfit == {Fit.TOO_SMALL: 1, Fit.NO_MODEL: 1, Fit.OTHER_WEIGHTS: 1}

"""Which pods are marked for a scale-down to take first, and how seldom that is written."""

from picshapes_operator.deletion_cost import Change, DeletionCosts, Standing


def pod(name: str = "w", *, busy: bool = False, cost: str | None = None) -> Standing:
    return Standing(name, f"uid-{name}", busy=busy, cost=cost)


def mark(name: str = "w") -> Change:
    return Change(name, f"uid-{name}", "-1")


def unmark(name: str = "w") -> Change:
    return Change(name, f"uid-{name}", None)


def test_a_worker_is_marked_once_it_has_idled_for_half_a_minute() -> None:
    costs = DeletionCosts()
    assert costs.changes([pod()], 100.0) == []
    assert costs.changes([pod()], 129.9) == []
    assert costs.changes([pod()], 130.0) == [mark()]
    assert costs.changes([pod(cost="-1")], 135.0) == []


def test_a_mark_that_did_not_take_effect_is_due_again() -> None:
    costs = DeletionCosts()
    costs.changes([pod()], 100.0)
    assert costs.changes([pod()], 130.0) == [mark()]
    assert costs.changes([pod()], 135.0) == [mark()]


def test_a_worker_between_two_jobs_is_never_marked() -> None:
    costs = DeletionCosts()
    looks = [costs.changes([pod(busy=moment % 2 == 0)], 20.0 * moment) for moment in range(50)]
    assert looks == [[]] * 50


def test_a_marked_worker_that_gets_a_job_loses_its_mark_at_once() -> None:
    assert DeletionCosts().changes([pod(busy=True, cost="-1")], 100.0) == [unmark()]


def test_what_an_earlier_operator_marked_is_known_by_the_mark() -> None:
    costs = DeletionCosts()
    assert costs.changes([pod(cost="-1")], 0.0) == []
    assert costs.changes([pod(cost="-1")], 900.0) == []


def test_a_pod_made_again_under_the_name_of_another_begins_anew() -> None:
    costs = DeletionCosts()
    costs.changes([pod()], 100.0)
    assert costs.changes([Standing("w", "uid-new", busy=False, cost=None)], 130.0) == []
    assert costs.changes([Standing("w", "uid-new", busy=False, cost=None)], 160.0) == [
        Change("w", "uid-new", "-1")
    ]


def test_a_worker_that_was_not_ready_for_a_look_begins_anew() -> None:
    costs = DeletionCosts()
    costs.changes([pod()], 100.0)
    costs.changes([], 110.0)
    assert costs.changes([pod()], 130.0) == []


def test_a_cost_that_somebody_else_gave_is_left_as_it_is() -> None:
    costs = DeletionCosts()
    for moment in (0.0, 100.0):
        assert costs.changes([pod(cost="7"), pod("v", busy=True, cost="-100")], moment) == []


def test_few_are_written_at_once_those_that_no_longer_idle_before_those_that_have_idled_the_longest() -> None:
    costs = DeletionCosts()
    idle = [pod(f"i{n}") for n in range(12)]
    for n in reversed(range(12)):
        costs.changes(idle[n:], 100.0 - n)
    busy = [pod("b", busy=True, cost="-1")]
    assert costs.changes(idle + busy, 200.0) == [unmark("b"), *(mark(f"i{n}") for n in range(11, 2, -1))]

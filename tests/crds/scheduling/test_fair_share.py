"""Decayed usage: halves in an hour, keeps its order, survives any length of time."""

import pytest

from picshapes_crds.scheduling.fair_share import HALF_LIFE_S, Usage


def test_usage_halves_in_an_hour() -> None:
    usage = Usage(0.0)
    usage.charge("alice", 80.0, 0.0)
    assert usage.seconds("alice", HALF_LIFE_S) == pytest.approx(40.0)
    assert usage.seconds("alice", 3 * HALF_LIFE_S) == pytest.approx(10.0)


def test_a_recent_second_outweighs_an_old_one() -> None:
    usage = Usage(0.0)
    usage.charge("early", 60.0, 0.0)
    usage.charge("late", 40.0, HALF_LIFE_S)
    assert usage.rank("late") > usage.rank("early")


def test_a_charge_in_the_past_weighs_as_if_it_had_been_made_then() -> None:
    usage = Usage(2 * HALF_LIFE_S)
    usage.charge("alice", 80.0, HALF_LIFE_S)
    assert usage.seconds("alice", 2 * HALF_LIFE_S) == pytest.approx(40.0)


def test_an_estimate_taken_back_never_goes_below_nothing() -> None:
    usage = Usage(0.0)
    usage.charge("alice", 5.0, 0.0)
    usage.charge("alice", -6.0, 10.0)
    assert usage.rank("alice") == 0.0


def test_months_of_use_overflow_nothing_and_keep_the_order() -> None:
    usage = Usage(0.0)
    for hour in range(3000):
        usage.charge("heavy", 100.0, hour * HALF_LIFE_S)
        usage.charge("light", 1.0, hour * HALF_LIFE_S)
    now = 2999 * HALF_LIFE_S
    assert usage.seconds("heavy", now) == pytest.approx(200.0)
    assert usage.seconds("light", now) == pytest.approx(2.0)

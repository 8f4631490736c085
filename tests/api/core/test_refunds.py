import pytest
from hypothesis import given
from hypothesis import strategies as st

from picshapes_api.core.refunds import refund
from picshapes_crds.phases import Phase


@pytest.mark.parametrize(
    ("price", "phase", "reason", "progress", "back"),
    [
        (5, Phase.COMPLETED, None, "8/8", 0),
        (5, Phase.COMPLETED, None, None, 0),
        (5, Phase.FAILED, "OutOfMemory", "7/8", 5),
        (5, Phase.FAILED, "WorkerLost", None, 5),
        (5, Phase.FAILED, "Cancelled", None, 5),
        (5, Phase.FAILED, "Cancelled", "0/8", 5),
        (5, Phase.FAILED, "Cancelled", "1/8", 4),
        (5, Phase.FAILED, "Cancelled", "3/8", 3),
        (5, Phase.FAILED, "Cancelled", "8/8", 0),
        (1, Phase.FAILED, "Cancelled", "1/4", 0),
        (3, Phase.FAILED, "Cancelled", "9/8", 0),
        (3, Phase.FAILED, "Cancelled", "0/0", 3),
        (3, Phase.FAILED, "Cancelled", "soon", 3),
    ],
)
def test_what_comes_back(price: int, phase: Phase, reason: str | None, progress: str | None, back: int) -> None:
    assert refund(price, phase, reason, progress) == back


@given(st.integers(0, 1000), st.sampled_from(["Cancelled", "WorkerLost"]), st.integers(0, 99), st.integers(0, 99))
def test_never_more_than_was_paid_and_never_less_than_nothing(price: int, reason: str, done: int, of: int) -> None:
    assert 0 <= refund(price, Phase.FAILED, reason, f"{done}/{of}") <= price

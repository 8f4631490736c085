"""What is made to stay is left alone by the garbage collector, and freed all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from picshapes_operator.garbage import made_to_stay


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Leave the test run's own objects as they were."""
    yield
    gc.unfreeze()


class Job:
    """Something that the collector looks at."""


def test_what_is_read_is_looked_at_neither_meanwhile_nor_later() -> None:
    frozen = gc.get_freeze_count()
    with made_to_stay():
        assert not gc.isenabled()
        jobs = [Job() for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen >= len(jobs)
    assert not any(isinstance(one, Job) for one in gc.get_objects())


def test_it_is_freed_when_nothing_refers_to_it() -> None:
    with made_to_stay():
        jobs = [Job()]
    known = weakref.ref(jobs[0])
    jobs.clear()
    assert known() is None


def test_what_was_garbage_before_is_gone() -> None:
    one = Job()
    one.itself = one  # type: ignore[attr-defined] # a cycle
    known = weakref.ref(one)
    del one
    with made_to_stay():
        assert known() is None


def test_a_failure_leaves_the_collector_at_work() -> None:
    frozen = gc.get_freeze_count()
    with pytest.raises(OSError, match="away"), made_to_stay():
        raise OSError("away")
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen

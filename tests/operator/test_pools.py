"""How many workers each pool should have."""

from picshapes_crds.scheduling.demand import Demand
from picshapes_operator.pools import Backlog, Pool, wanted_workers

SMALL, LARGE = Pool(name="small", vram_mib=16_384), Pool(name="large", vram_mib=81_559)
FLUX = Pool(name="flux", vram_mib=24_564, models=frozenset({"flux-schnell"}))


def work(need_mib: int, jobs: int, work_s: float, model: str = "z-image-turbo") -> Backlog:
    return Backlog(Demand(model, "r", "real", need_mib), jobs, work_s)


def test_an_idle_pool_wants_nobody() -> None:
    assert wanted_workers([SMALL, LARGE], [], 60) == {"small": 0, "large": 0}


def test_a_pool_wants_as_many_as_get_through_its_jobs_in_time() -> None:
    assert wanted_workers([LARGE], [work(9_000, 1000, 601)], 60) == {"large": 11}


def test_a_pool_never_wants_more_workers_than_it_has_jobs() -> None:
    assert wanted_workers([LARGE], [work(9_000, 2, 6000)], 60) == {"large": 2}


def test_one_short_job_wants_one_worker() -> None:
    assert wanted_workers([LARGE], [work(9_000, 1, 0)], 60) == {"large": 1}


def test_each_job_counts_for_the_smallest_pool_that_fits_it() -> None:
    backlog = [work(9_000, 10, 120), work(20_000, 10, 60), work(20_000, 10, 180, "flux-schnell")]
    assert wanted_workers([LARGE, FLUX, SMALL], backlog, 60) == {"large": 1, "flux": 3, "small": 2}


def test_what_fits_no_pool_wants_nobody() -> None:
    assert wanted_workers([SMALL], [work(20_000, 10, 600)], 60) == {"small": 0}


def test_a_pool_of_no_stated_size_fits_everything() -> None:
    assert wanted_workers([Pool(name="default")], [work(2**40, 3, 90)], 60) == {"default": 2}

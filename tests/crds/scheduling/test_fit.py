"""Why no worker takes a job, in words."""

from dataclasses import replace

import pytest

from picshapes_crds.phases import Reason
from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import Fit, Why, why, why_roughly

NEED_20_GIB = Demand("z-image-turbo", "rev1", "real", 20 * 1024)
BOTH = {"z-image-turbo": "rev1", "flux-schnell": "rev1"}


def worker(name: str, vram_mib: int, **other: object) -> Worker:
    base = Worker(name, f"{name}-id", vram_mib, "real", BOTH, frozenset(), 0, accepting=True)
    return replace(base, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("workers", "reason", "message"),
    [
        ([], Reason.NO_WORKER_FITS, "there are no workers"),
        (
            [worker("w1", 24_564, held=2), worker("w2", 24_564, held=2)],
            Reason.WAITING_FOR_WORKERS,
            "2 workers can run it and all are busy",
        ),
        (
            [worker("w1", 24_564, held=2), worker("w2", 24_564, held=1)],
            Reason.WAITING_FOR_WORKERS,
            "2 workers can run it and 1 of them with a free place",
        ),
        (
            [worker("w", 24_564, accepting=False)],
            Reason.WAITING_FOR_WORKERS,
            "1 worker could run it, but none is ready for new jobs",
        ),
        (
            [worker("w", 24_564, accepting=False, cordoned=True)],
            Reason.WAITING_FOR_WORKERS,
            "1 worker could run it, but none is ready for new jobs, 1 is on a cordoned node",
        ),
        (
            [
                *(worker(f"w{number}", 24_564, accepting=False, cordoned=True) for number in range(2)),
                worker("w3", 24_564, accepting=False),
                worker("w4", 8_192, accepting=False, cordoned=True),
            ],
            Reason.WAITING_FOR_WORKERS,
            "3 workers could run it, but none is ready for new jobs, 2 are on cordoned nodes",
        ),
        (
            [worker("w1", 15_360), worker("w2", 8_192)],
            Reason.NO_WORKER_FITS,
            "2 workers have the model, the largest has 15.0 GiB",
        ),
        (
            [worker("w", 81_559, profile="demo")],
            Reason.NO_WORKER_FITS,
            "1 worker has the model with other weights than the catalogue names",
        ),
        (
            [worker("w", 81_559, weights={"flux-schnell": "rev1"})],
            Reason.NO_WORKER_FITS,
            "none of 1 worker has the model",
        ),
    ],
)
def test_a_waiting_job_is_told_why_with_numbers(workers: list[Worker], reason: Reason, message: str) -> None:
    told = why(NEED_20_GIB, workers)
    assert (told.reason, told.message) == (reason, f"needs 20.0 GiB and z-image-turbo; {message}")


def test_only_workers_that_watch_its_namespace_can_run_a_job() -> None:
    in_team_a = replace(NEED_20_GIB, namespace="team-a")
    unaware = [worker("w1", 24_564), worker("w2", 24_564, namespaces=frozenset({"team-b"}))]
    aware = worker("w3", 24_564, namespaces=frozenset({"team-a", "team-b"}), held=2)

    need = "needs 20.0 GiB and z-image-turbo"
    none = f"{need}; 2 workers could run it, but none watches the namespace team-a yet"
    assert why(in_team_a, unaware) == Why(Reason.WAITING_FOR_WORKERS, none, {Fit.NOT_WATCHING: 2})
    assert why(in_team_a, [*unaware, aware]).message == f"{need}; 1 worker can run it and all are busy"
    assert why(NEED_20_GIB, unaware).counts == {Fit.FITS: 2}


def test_a_worker_on_which_a_job_of_this_need_ran_out_of_memory_is_too_small_for_that_model_only() -> None:
    learned = worker("w", 24_564, limits_mib={"z-image-turbo": 19_000})
    told = why(NEED_20_GIB, [learned])

    assert (told.reason, told.message) == (
        Reason.NO_WORKER_FITS,
        "needs 20.0 GiB and z-image-turbo; 1 worker has the model, the largest has 18.6 GiB",
    )
    assert why(replace(NEED_20_GIB, min_vram_mib=19_000), [learned]).reason is Reason.WAITING_FOR_WORKERS
    assert why(replace(NEED_20_GIB, model="flux-schnell"), [learned]).reason is Reason.WAITING_FOR_WORKERS


def test_what_is_the_same_in_gib_is_told_in_mib() -> None:
    told = why(NEED_20_GIB, [worker("w", 20_479)])
    message = "needs 20480 MiB and z-image-turbo; 1 worker has the model, the largest has 20479 MiB"
    assert (told.reason, told.message) == (Reason.NO_WORKER_FITS, message)


def test_who_does_not_see_which_workers_take_jobs_says_only_who_could_run_it() -> None:
    cordoned = worker("w1", 24_564, accepting=False, cordoned=True)
    told = why_roughly(NEED_20_GIB, [cordoned, worker("w2", 24_564, held=2), worker("w3", 8_192)])
    message = "needs 20.0 GiB and z-image-turbo; 2 workers have the model and the memory"
    assert (told.reason, told.message) == (Reason.WAITING_FOR_WORKERS, message)
    assert why_roughly(NEED_20_GIB, [worker("w", 8_192)]) == why(NEED_20_GIB, [worker("w", 8_192)])

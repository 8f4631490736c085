"""The scheduling decision, by example."""

from dataclasses import replace

from picshapes_crds.phases import Reason
from picshapes_operator.schedule import schedule
from picshapes_operator.snapshot import Claim, Demand, Queue, Snapshot, Unschedulable, Worker

NEED_20_GIB = Demand("z-image-turbo", "rev1", "real", 20 * 1024)
NEED_34_GIB = Demand("flux-schnell", "rev1", "real", 34 * 1024)
BOTH = {"z-image-turbo": "rev1", "flux-schnell": "rev1"}


def worker(name: str, vram_mib: int, **other: object) -> Worker:
    base = Worker(
        name=name,
        worker_id=f"{name}-id",
        vram_mib=vram_mib,
        profile="real",
        weights=BOTH,
        loaded=frozenset(),
        held=0,
        accepting=True,
    )
    return replace(base, **other)  # type: ignore[arg-type]


def queue(demand: Demand, *jobs: str) -> Queue:
    return Queue(demand, [((0.0, float(n)), job) for n, job in enumerate(jobs)])


def claims(snapshot: Snapshot) -> dict[str, str]:
    return {claim.job: claim.worker_name for claim in schedule(snapshot).claims}


def test_a_job_goes_to_the_worker_that_has_the_model_loaded() -> None:
    cold, warm = worker("cold", 24_564), worker("warm", 81_559, loaded=frozenset({"z-image-turbo"}))
    assert claims(Snapshot([queue(NEED_20_GIB, "job")], [cold, warm])) == {"job": "warm"}


def test_among_equals_a_job_goes_to_the_smallest_sufficient_memory() -> None:
    cards = [worker("h100", 81_559), worker("a10", 23_034), worker("t4", 15_360), worker("4090", 24_564)]
    assert claims(Snapshot([queue(NEED_20_GIB, "job")], cards)) == {"job": "a10"}


def test_memory_is_compared_in_mib_so_a_24_gb_card_serves_a_22_5_gib_need() -> None:
    demand = replace(NEED_20_GIB, min_vram_mib=23_034)
    assert claims(Snapshot([queue(demand, "job")], [worker("a10", 23_034)])) == {"job": "a10"}
    assert claims(Snapshot([queue(demand, "job")], [worker("a10", 23_033)])) == {}


def test_a_free_running_place_is_better_than_a_waiting_place_with_the_model_loaded() -> None:
    busy = worker("busy", 24_564, held=1, loaded=frozenset({"z-image-turbo"}))
    assert claims(Snapshot([queue(NEED_20_GIB, "job")], [busy, worker("idle", 81_559)])) == {"job": "idle"}


def test_running_places_are_filled_before_waiting_places_and_then_jobs_wait() -> None:
    workers = [worker("w1", 24_564), worker("w2", 24_564)]
    decision = schedule(Snapshot([queue(NEED_20_GIB, "j1", "j2", "j3", "j4", "j5")], workers))
    assert [(claim.job, claim.worker_name) for claim in decision.claims] == [
        ("j1", "w1"),
        ("j2", "w2"),
        ("j3", "w1"),
        ("j4", "w2"),
    ]
    assert decision.waiting == [
        Unschedulable(
            "j5",
            Reason.WAITING_FOR_WORKERS,
            "needs 20.0 GiB and z-image-turbo; 2 workers can run it and all are busy",
        )
    ]


def test_a_claim_names_the_process_and_not_only_the_pod() -> None:
    decision = schedule(Snapshot([queue(NEED_20_GIB, "job")], [worker("w1", 24_564)]))
    assert decision.claims == [Claim("job", "w1", "w1-id")]


def test_the_order_of_jobs_holds_over_all_queues() -> None:
    first = Queue(NEED_34_GIB, [((-5.0, 9.0), "urgent")])
    second = Queue(NEED_20_GIB, [((0.0, 1.0), "older"), ((0.0, 2.0), "younger")])
    assert claims(Snapshot([second, first], [worker("w", 81_559)])) == {"urgent": "w", "older": "w"}


def test_a_small_job_passes_a_big_one_that_fits_nowhere() -> None:
    big, small = Queue(NEED_34_GIB, [((0.0, 1.0), "big")]), Queue(NEED_20_GIB, [((0.0, 2.0), "small")])
    decision = schedule(Snapshot([big, small], [worker("w", 24_564)]))
    assert [claim.job for claim in decision.claims] == ["small"]
    assert decision.waiting == [
        Unschedulable(
            "big",
            Reason.NO_WORKER_FITS,
            "needs 34.0 GiB and flux-schnell; 1 worker has the model, the largest has 24.0 GiB",
        )
    ]


def test_a_worker_that_accepts_nothing_gets_nothing_and_is_named_as_the_reason() -> None:
    decision = schedule(Snapshot([queue(NEED_20_GIB, "job")], [worker("w", 24_564, accepting=False)]))
    assert decision.claims == []
    assert decision.waiting[0].message == (
        "needs 20.0 GiB and z-image-turbo; 1 worker could run it, but none is ready for new jobs"
    )


def test_demo_and_real_weights_never_mix() -> None:
    demo = worker("demo", 81_559, profile="demo")
    decision = schedule(Snapshot([queue(NEED_20_GIB, "job")], [demo]))
    assert decision.waiting[0].reason is Reason.NO_WORKER_FITS
    assert decision.waiting[0].message == (
        "needs 20.0 GiB and z-image-turbo; 1 worker has the model with other weights than the catalogue names"
    )


def test_without_workers_the_reason_says_so() -> None:
    decision = schedule(Snapshot([queue(NEED_20_GIB, "job")], []))
    assert decision.waiting[0].message == "needs 20.0 GiB and z-image-turbo; there are no workers"

"""The scheduling decision, by example."""

from dataclasses import replace

from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_operator.schedule import in_line, schedule
from picshapes_operator.snapshot import Claim, Head, Line, Queue, Snapshot

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


def line(*jobs: str, level: int = 0, owner: str = "alice", rank: float = 0.0, since_s: float = 0.0) -> Line:
    return Line(level, owner, rank, [Head(job, since_s + n, 1.0) for n, job in enumerate(jobs)])


def queue(demand: Demand, *jobs: str) -> Queue:
    return Queue(demand, [line(*jobs)])


def claims(snapshot: Snapshot) -> dict[str, str]:
    return {claim.job: claim.worker_name for claim in schedule(snapshot)}


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
    snapshot = Snapshot([queue(NEED_20_GIB, "j1", "j2", "j3", "j4", "j5")], workers)
    assert [(claim.job, claim.worker_name) for claim in schedule(snapshot)] == [
        ("j1", "w1"),
        ("j2", "w2"),
        ("j3", "w1"),
        ("j4", "w2"),
    ]


def test_a_claim_names_the_process_and_not_only_the_pod() -> None:
    claimed = schedule(Snapshot([queue(NEED_20_GIB, "job")], [worker("w1", 24_564)]))
    assert claimed == [Claim("job", "w1", "w1-id")]


def test_a_higher_priority_goes_first_over_all_queues() -> None:
    urgent = Queue(NEED_34_GIB, [line("urgent", level=5, since_s=9.0)])
    others = Queue(NEED_20_GIB, [line("older", "younger")])
    assert claims(Snapshot([others, urgent], [worker("w", 81_559)])) == {"urgent": "w", "older": "w"}


def test_the_owner_who_has_used_less_goes_first_and_each_claim_counts_at_once() -> None:
    heavy = line("h1", "h2", "h3", owner="heavy", rank=1.5)
    light = line("l1", "l2", "l3", owner="light", rank=0.0, since_s=50.0)
    workers = [worker(f"w{n}", 24_564) for n in range(2)]
    claimed = schedule(Snapshot([Queue(NEED_20_GIB, [light, heavy])], workers))
    assert [claim.job for claim in claimed] == ["l1", "l2", "h1", "l3"]


def test_between_owners_of_equal_use_the_older_job_goes_first() -> None:
    old, young = line("old", owner="a"), line("young", owner="b", since_s=5.0)
    queues = [Queue(NEED_20_GIB, [young]), Queue(NEED_34_GIB, [old])]
    assert [claim.job for claim in schedule(Snapshot(queues, [worker("w", 81_559)]))] == ["old", "young"]


def test_a_small_job_passes_a_big_one_that_fits_nowhere() -> None:
    big, small = queue(NEED_34_GIB, "big"), queue(NEED_20_GIB, "small")
    assert claims(Snapshot([big, small], [worker("w", 24_564)])) == {"small": "w"}


def test_a_worker_that_accepts_nothing_gets_nothing() -> None:
    assert claims(Snapshot([queue(NEED_20_GIB, "job")], [worker("w", 24_564, accepting=False)])) == {}


def test_nothing_is_claimed_behind_a_job_whose_workers_were_lost() -> None:
    suspect = Queue(
        NEED_20_GIB, [Line(0, "a", 0.0, [Head("suspect", 0.0, 1.0, alone=True), Head("next", 1.0, 1.0)])]
    )
    assert claims(Snapshot([suspect], [worker("w1", 24_564)])) == {"suspect": "w1"}
    both = [worker("w1", 24_564), worker("w2", 24_564, held=1)]
    assert claims(Snapshot([suspect], both)) == {"suspect": "w1", "next": "w2"}


def test_no_more_is_decided_on_than_was_asked_for() -> None:
    snapshot = Snapshot([queue(NEED_20_GIB, "j1", "j2")], [worker("w1", 24_564)], most=1)
    assert claims(snapshot) == {"j1": "w1"}


def test_the_jobs_in_line_are_told_in_the_order_of_their_turns() -> None:
    heavy, light = line("h1", "h2", owner="heavy", rank=1.5), line("l1", "l2", "l3", owner="light", since_s=50.0)
    assert in_line(Queue(NEED_20_GIB, [light, heavy]), 4) == ["l1", "l2", "h1", "l3"]


def lost(job: str, lost_on: str) -> Queue:
    return Queue(NEED_20_GIB, [Line(0, "alice", 0.0, [Head(job, 0.0, 1.0, lost_on=lost_on)])])


def test_a_job_that_was_lost_with_its_worker_goes_to_another_that_is_as_free() -> None:
    first = worker("first", 24_564, loaded=frozenset({"z-image-turbo"}))
    assert claims(Snapshot([lost("job", "first")], [first, worker("second", 81_559)])) == {"job": "second"}


def test_it_goes_back_to_the_worker_that_it_was_lost_with_if_the_others_are_busier_or_do_not_fit() -> None:
    others = [worker("small", 8_192), worker("busy", 24_564, held=1), worker("away", 24_564, accepting=False)]
    assert claims(Snapshot([lost("job", "first")], [worker("first", 24_564), *others])) == {"job": "first"}

"""What holds of every scheduling decision, whatever the cluster."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from picshapes_operator.fit import Fit, fit
from picshapes_operator.schedule import PLACES, schedule
from picshapes_operator.snapshot import Demand, Queue, Snapshot, Worker

MODELS = ["z-image-turbo", "flux-schnell"]
SIZES_MIB = [15_360, 23_034, 24_564, 81_559]

demands = st.builds(
    Demand,
    model=st.sampled_from(MODELS),
    weights=st.sampled_from(["r1", "r2"]),
    profile=st.just("real"),
    min_vram_mib=st.sampled_from([8_000, 15_360, 15_361, 24_564, 50_000]),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    count = draw(st.integers(0, 6))
    workers = [
        Worker(
            name=f"w{n}",
            worker_id=f"id{n}",
            vram_mib=draw(st.sampled_from(SIZES_MIB)),
            profile="real",
            weights=draw(st.dictionaries(st.sampled_from(MODELS), st.sampled_from(["r1", "r2"]))),
            loaded=frozenset(draw(st.sets(st.sampled_from(MODELS)))),
            held=draw(st.integers(0, 3)),
            accepting=draw(st.booleans()),
        )
        for n in range(count)
    ]
    queues = []
    for number, demand in enumerate(draw(st.lists(demands, unique=True, max_size=5))):
        keys = sorted(draw(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 99)), min_size=1, max_size=5)))
        heads = [((float(a), float(b)), f"q{number}j{n}") for n, (a, b) in enumerate(keys)]
        queues.append(Queue(demand, heads))
    return Snapshot(queues, workers)


@given(snapshots())
def test_every_claim_is_for_a_fitting_worker_with_a_free_place(snapshot: Snapshot) -> None:
    decision = schedule(snapshot)
    demand = {job: queue.demand for queue in snapshot.queues for _, job in queue.heads}
    workers = {worker.name: worker for worker in snapshot.workers}
    taken = Counter(claim.worker_name for claim in decision.claims)
    for claim in decision.claims:
        worker = workers[claim.worker_name]
        assert fit(demand[claim.job], worker) is Fit.FITS
        assert claim.worker_id == worker.worker_id
    for name, count in taken.items():
        assert workers[name].held + count <= PLACES


@given(snapshots())
def test_every_job_is_either_claimed_once_or_told_why_it_waits(snapshot: Snapshot) -> None:
    decision = schedule(snapshot)
    told = Counter([*(claim.job for claim in decision.claims), *(one.job for one in decision.waiting)])
    assert told == Counter(job for queue in snapshot.queues for _, job in queue.heads)


@given(snapshots())
def test_no_job_waits_beside_a_free_place_that_fits(snapshot: Snapshot) -> None:
    decision = schedule(snapshot)
    demand = {job: queue.demand for queue in snapshot.queues for _, job in queue.heads}
    taken = Counter(claim.worker_name for claim in decision.claims)
    for one in decision.waiting:
        for worker in snapshot.workers:
            free = worker.held + taken[worker.name] < PLACES
            assert not (free and fit(demand[one.job], worker) is Fit.FITS)


@given(snapshots())
def test_jobs_of_one_queue_are_claimed_in_their_order(snapshot: Snapshot) -> None:
    claimed = {claim.job for claim in schedule(snapshot).claims}
    for queue in snapshot.queues:
        flags = [job in claimed for _, job in queue.heads]
        assert flags == sorted(flags, reverse=True)

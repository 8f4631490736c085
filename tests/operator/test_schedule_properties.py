"""What holds of every scheduling decision, whatever the cluster."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import PLACES, Fit, fit
from picshapes_operator.schedule import schedule
from picshapes_operator.snapshot import Claim, Head, Line, Queue, Snapshot

MODELS = ["z-image-turbo", "flux-schnell"]
SIZES_MIB = [15_360, 23_034, 24_564, 81_559]

demands = st.builds(
    Demand,
    model=st.sampled_from(MODELS),
    weights=st.sampled_from(["r1", "r2"]),
    profile=st.just("real"),
    min_vram_mib=st.sampled_from([8_000, 15_360, 15_361, 24_564, 50_000]),
)


heads_drawn = st.tuples(
    st.integers(0, 99).map(float),
    st.integers(0, 3).map(float),
    st.booleans(),
    st.sampled_from(["", "w0", "w1", "w2"]),
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
    ranks = {owner: draw(st.floats(0, 9)) for owner in "ab"}
    for number, demand in enumerate(draw(st.lists(demands, unique=True, max_size=5))):
        lines = []
        for owner, level in sorted(
            draw(st.sets(st.tuples(st.sampled_from("ab"), st.integers(-1, 1)), min_size=1))
        ):
            drawn = sorted(draw(st.lists(heads_drawn, min_size=1, max_size=4)))
            heads = [Head(f"q{number}{owner}{level}j{n}", *one) for n, one in enumerate(drawn)]
            lines.append(Line(level, owner, ranks[owner], heads))
        lines.sort(key=lambda line: (-line.level, line.rank, line.heads[0].created_s, line.heads[0].job))
        queues.append(Queue(demand, lines))
    return Snapshot(queues, workers)


def waiting_jobs(snapshot: Snapshot) -> dict[str, Demand]:
    return {head.job: queue.demand for queue in snapshot.queues for line in queue.lines for head in line.heads}


def loads(snapshot: Snapshot, claims: list[Claim]) -> dict[str, int]:
    """Return how many places of each worker are taken after the claims: a suspect takes all that are left."""
    alone = {head.job for queue in snapshot.queues for line in queue.lines for head in line.heads if head.alone}
    load = {worker.name: worker.held for worker in snapshot.workers}
    for claim in claims:
        load[claim.worker_name] = PLACES if claim.job in alone else load[claim.worker_name] + 1
    return load


@given(snapshots())
def test_every_claim_is_for_a_fitting_worker_with_a_free_place(snapshot: Snapshot) -> None:
    claims, demand = schedule(snapshot), waiting_jobs(snapshot)
    workers = {worker.name: worker for worker in snapshot.workers}
    for claim in claims:
        worker = workers[claim.worker_name]
        assert fit(demand[claim.job], worker) is Fit.FITS
        assert claim.worker_id == worker.worker_id
    for name, count in Counter(claim.worker_name for claim in claims).items():
        assert workers[name].held + count <= PLACES


@given(snapshots())
def test_no_job_is_claimed_twice(snapshot: Snapshot) -> None:
    claimed = Counter(claim.job for claim in schedule(snapshot))
    assert all(count == 1 for count in claimed.values())
    assert set(claimed) <= set(waiting_jobs(snapshot))


@given(snapshots())
def test_no_job_waits_beside_a_free_place_that_fits(snapshot: Snapshot) -> None:
    claims = schedule(snapshot)
    load = loads(snapshot, claims)
    claimed = {claim.job for claim in claims}
    for job, demand in waiting_jobs(snapshot).items():
        for worker in snapshot.workers:
            free = load[worker.name] < PLACES
            assert job in claimed or not (free and fit(demand, worker) is Fit.FITS)


@given(snapshots())
def test_no_worker_waits_while_another_that_fits_has_a_second_job(snapshot: Snapshot) -> None:
    claims, demand = schedule(snapshot), waiting_jobs(snapshot)
    held = {worker.name: worker.held for worker in snapshot.workers}
    idle = {worker.name: worker for worker in snapshot.workers if worker.held == 0}
    for claim in claims:
        if held[claim.worker_name] > 0:
            assert not any(fit(demand[claim.job], worker) is Fit.FITS for worker in idle.values())
        held[claim.worker_name] += 1
        idle.pop(claim.worker_name, None)


@given(snapshots())
def test_nothing_is_claimed_behind_a_suspect(snapshot: Snapshot) -> None:
    alone = {head.job for queue in snapshot.queues for line in queue.lines for head in line.heads if head.alone}
    closed: set[str] = set()
    for claim in schedule(snapshot):
        assert claim.worker_name not in closed
        if claim.job in alone:
            closed.add(claim.worker_name)


@given(snapshots())
def test_a_job_goes_back_to_the_worker_it_was_lost_with_only_if_no_other_is_as_free(snapshot: Snapshot) -> None:
    heads = {head.job: head for queue in snapshot.queues for line in queue.lines for head in line.heads}
    demand = waiting_jobs(snapshot)
    held = {worker.name: worker.held for worker in snapshot.workers}
    for claim in schedule(snapshot):
        head, name = heads[claim.job], claim.worker_name
        fitting = [one.name for one in snapshot.workers if fit(demand[claim.job], one) is Fit.FITS]
        if head.lost_on == name:
            assert not any(held[other] <= held[name] for other in fitting if other != name)
        held[name] = PLACES if head.alone else held[name] + 1


@given(snapshots())
def test_no_owner_is_passed_by_a_lower_level_or_by_one_who_has_used_more(snapshot: Snapshot) -> None:
    """The fairness bound: of two who wait for the same places, neither gets ahead by more than one job's cost."""
    ranks = {line.owner: line.rank for queue in snapshot.queues for line in queue.lines}
    waiting = {queue.demand: [(line, list(line.heads)) for line in queue.lines] for queue in snapshot.queues}
    queue_of = waiting_jobs(snapshot)
    for claim in schedule(snapshot):
        lines = waiting[queue_of[claim.job]]
        ((line, heads),) = [one for one in lines if any(head.job == claim.job for head in one[1])]
        for other, left in lines:
            assert not left or other.level <= line.level
            assert not left or other.level < line.level or ranks[line.owner] <= ranks[other.owner]
        ranks[line.owner] += heads.pop(0).cost


@given(snapshots())
def test_jobs_of_one_line_are_claimed_in_their_order(snapshot: Snapshot) -> None:
    claimed = {claim.job for claim in schedule(snapshot)}
    for queue in snapshot.queues:
        for line in queue.lines:
            flags = [head.job in claimed for head in line.heads]
            assert flags == sorted(flags, reverse=True)

"""The buckets of free places against a plain list, and decisions on an extract against those on everything."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import PLACES
from picshapes_crds.scheduling.turns import Ticket
from picshapes_operator.accounting import Accounting
from picshapes_operator.roster import Roster
from picshapes_operator.schedule import schedule
from picshapes_operator.snapshot import Claim
from picshapes_operator.waiting import WaitingJobs

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DEMO = Catalogue.load("demo")
MODELS = ["z-image-turbo", "flux-schnell"]


@dataclass(frozen=True)
class Put:
    name: str
    worker: Worker | None


@dataclass(frozen=True)
class Hold:
    name: str
    places: int


names = st.sampled_from([f"w{n}" for n in range(6)])
offers = st.builds(
    Worker,
    name=st.just(""),
    worker_id=st.just(""),
    vram_mib=st.sampled_from([8, 16, 24]),
    profile=st.just("real"),
    weights=st.dictionaries(st.sampled_from(MODELS), st.sampled_from(["r1", "r2"])),
    loaded=st.frozensets(st.sampled_from(MODELS)),
    held=st.just(0),
    accepting=st.booleans(),
    limits_mib=st.dictionaries(st.sampled_from(MODELS), st.sampled_from([7, 11, 15])),
    namespaces=st.sampled_from([frozenset({"own"}), frozenset({"own", "team"}), frozenset({"own", "team"})]),
)
puts = st.builds(
    lambda name, worker: Put(name, worker and replace(worker, name=name, worker_id=f"{name}-id")),
    names,
    st.none() | offers,
)
steps = st.lists(st.one_of(puts, puts, st.builds(Hold, names, st.sampled_from([1, 2, -1]))), max_size=40)


def played(script: list[Put | Hold]) -> tuple[Roster, dict[str, Worker]]:
    """Play a script on a roster and on a plain model: the workers by name with what they hold."""
    roster, offered, held = Roster(), dict[str, Worker](), Counter[str]()
    for step in script:
        match step:
            case Put(name, worker):
                roster.put(name, worker)
                offered.pop(name, None)
                if worker:
                    offered[name] = worker
            case Hold(name, places):
                if held[name] + places >= 0:
                    held[name] += places
                    roster.hold(f"{name}-id", places)
    return roster, {name: replace(worker, held=held[name]) for name, worker in offered.items()}


def offered(worker: Worker) -> tuple[object, ...]:
    return worker.weights, worker.vram_mib, worker.limits_mib, worker.namespaces


@given(steps)
def test_the_buckets_hold_exactly_the_free_places(script: list[Put | Hold]) -> None:
    roster, model = played(script)
    assert {worker.name: worker for worker in roster.workers()} == model
    free = {
        (name, held)
        for kind in roster.free_kinds()
        for held, bucket in enumerate(kind.free)
        for name in bucket
        if offered(model[name]) == offered(kind.example)
    }
    expected = {(one.name, one.held) for one in model.values() if one.accepting and one.held < PLACES}
    assert free == expected
    assert sum(kind.places for kind in roster.free_kinds()) == sum(PLACES - held for _, held in expected)
    everywhere = {one for one in ("own", "team") if all(one in worker.namespaces for worker in model.values())}
    assert roster.watched_by_all() == (everywhere if model else None)


tickets = st.builds(
    Ticket,
    demand=st.builds(
        Demand,
        st.sampled_from(MODELS),
        st.just("r1"),
        st.just("real"),
        st.sampled_from([4, 8, 12, 16, 20, 30]),
        st.sampled_from(["own", "team"]),
    ),
    level=st.integers(0, 1),
    owner=st.sampled_from("abc"),
    created_s=st.integers(0, 9).map(float),
    cost_s=st.integers(1, 3).map(float),
    alone=st.booleans(),
    lost_on=st.just("") | names,
)


@given(
    steps, st.lists(tickets, max_size=20), st.dictionaries(st.sampled_from("abc"), st.integers(1, 5).map(float))
)
def test_a_decision_on_an_extract_is_the_decision_on_everything(
    script: list[Put | Hold], waiting: list[Ticket], ranks: dict[str, float]
) -> None:
    roster, model = played(script)
    jobs = WaitingJobs(DEMO, Accounting(DEMO, NOW))
    for worker in model.values():
        for size in worker.sizes_mib:
            jobs.queues.split_at(size)
    jobs.queues.watched_by_all(roster.watched_by_all())
    for owner, rank in ranks.items():
        jobs.queues.rank(owner, rank)
    for number, ticket in enumerate(waiting):
        jobs.queues.add(f"j{number:02}", ticket)
    snapshot = jobs.snapshot(1000, list(model.values()), NOW)
    for queue in snapshot.queues:
        firsts = [(-one.level, one.rank, one.heads[0].created_s, one.heads[0].job) for one in queue.lines]
        assert firsts == sorted(firsts)
    everything = schedule(snapshot)
    assert schedule(jobs.open_snapshot(1000, roster, NOW)) == everything
    assert step_by_step(jobs, roster, 2) == everything


def step_by_step(jobs: WaitingJobs, roster: Roster, most: int) -> list[Claim]:
    """Decide on a few claims at a time, as passes of the loop do."""
    made: list[Claim] = []
    for claim in schedule(jobs.open_snapshot(most, roster, NOW)):
        made.append(claim)
        ticket = jobs.queues.ticket(claim.job)
        assert ticket is not None
        jobs.queues.discard(claim.job)
        roster.hold(claim.worker_id, PLACES if ticket.alone else 1)
        jobs.queues.rank(ticket.owner, jobs.queues.rank_of(ticket.owner) + ticket.cost_s)
    return made + step_by_step(jobs, roster, most) if made else made

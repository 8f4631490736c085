"""The queues against the plain rules: in what order jobs are claimed, and which wait for the same workers."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from picshapes_crds.scheduling.demand import Demand, memory_class
from picshapes_crds.scheduling.turns import Ticket, in_turn
from picshapes_operator.grouping import BEYOND_MIB
from picshapes_operator.queues import Queues
from picshapes_operator.schedule import in_line

NEEDS_MIB = [1, 2, 3, 5, 8]


@dataclass(frozen=True)
class Add:
    job: str
    ticket: Ticket


@dataclass(frozen=True)
class Discard:
    job: str


@dataclass(frozen=True)
class Rank:
    owner: str
    rank: float


@dataclass(frozen=True)
class Split:
    vram_mib: int


@dataclass(frozen=True)
class Watched:
    by_all: frozenset[str] | None


jobs = st.sampled_from([f"j{n}" for n in range(12)])
owners = st.sampled_from("abc")
tickets = st.builds(
    Ticket,
    demand=st.builds(
        Demand,
        st.just("m"),
        st.just("r"),
        st.just("real"),
        st.sampled_from(NEEDS_MIB),
        st.sampled_from(["a", "b"]),
    ),
    level=st.integers(-1, 1),
    owner=owners,
    created_s=st.integers(0, 5).map(float),
    cost_s=st.integers(0, 3).map(float),
)
steps = st.one_of(
    st.builds(Add, job=jobs, ticket=tickets),
    st.builds(Add, job=jobs, ticket=tickets),
    st.builds(Discard, job=jobs),
    st.builds(Rank, owner=owners, rank=st.integers(0, 3).map(float)),
    st.builds(Split, st.sampled_from([2, 4, 8])),
    st.builds(Watched, st.none() | st.frozensets(st.sampled_from(["a", "b"]))),
)


@given(st.lists(steps, max_size=60), st.integers(1, 12))
def test_jobs_are_claimed_in_the_order_that_the_plain_rules_give(
    script: list[Add | Discard | Rank | Split | Watched], count: int
) -> None:
    queues, model, ranks, sizes = Queues(), dict[str, Ticket](), dict[str, float](), set[int]()
    watched: frozenset[str] | None = None
    for step in script:
        match step:
            case Add(job, ticket):
                model[job] = ticket
                queues.add(job, ticket)
            case Discard(job):
                model.pop(job, None)
                queues.discard(job)
            case Rank(owner, rank):
                ranks[owner] = rank
                queues.rank(owner, rank)
            case Split(vram_mib):
                sizes.add(vram_mib)
                queues.split_at(vram_mib)
            case Watched(by_all):
                watched = by_all
                queues.watched_by_all(by_all)
    expected: dict[Demand, dict[str, Ticket]] = {}
    for job, ticket in model.items():
        size = memory_class(ticket.demand.min_vram_mib, sorted(sizes)) or BEYOND_MIB
        namespace = "" if watched is None or ticket.demand.namespace in watched else ticket.demand.namespace
        expected.setdefault(Demand("m", "r", "real", size, namespace), {})[job] = ticket
    seen = {demand: in_line(queues.queue(demand, count, 0.5), count) for demand in queues.demands()}
    assert seen == {
        queue: in_turn(found.items(), lambda one: one.level, lambda owner: ranks.get(owner, 0.0), 0.5)[:count]
        for queue, found in expected.items()
    }
    assert {demand: queues.depth(demand) for demand in queues.demands()} == {
        queue: len(found) for queue, found in expected.items()
    }
    assert len(queues) == len(model)
    assert queues.top_level() == max((one.level for one in model.values()), default=None)
    assert sorted(queues.owners()) == sorted({one.owner for one in model.values()})


def ticket(
    need_mib: int = 1, owner: str = "x", level: int = 0, created_s: float = 0.0, run_s: float = 0.0
) -> Ticket:
    return Ticket(Demand("m", "r", "real", need_mib), level, owner, created_s, 1.0, run_s)


def test_a_thousand_sizes_wait_in_one_queue_for_each_size_of_worker() -> None:
    queues = Queues()
    queues.split_at(500)
    for need in range(1, 1001):
        queues.add(f"j{need}", ticket(need))
    queues.split_at(250)
    assert {demand.min_vram_mib: queues.depth(demand) for demand in queues.demands()} == {
        250: 250,
        500: 250,
        BEYOND_MIB: 500,
    }


def test_of_many_owners_no_more_are_looked_at_than_can_have_a_turn() -> None:
    queues = Queues()
    for number in range(200):
        for n in range(10):
            queues.add(f"o{number:03}j{n}", ticket(owner=f"owner{number:03}", created_s=float(n)))
    (demand,) = queues.demands()
    lines = queues.queue(demand, 3, 1.0).lines
    assert [(line.owner, len(line.heads)) for line in lines] == [("owner000", 3), ("owner001", 3), ("owner002", 3)]


def test_depth_age_and_work_are_told_for_each_queue() -> None:
    queues = Queues()
    queues.add("a", ticket(created_s=50.0, run_s=2.0))
    queues.add("b", ticket(owner="y", level=5, created_s=20.0, run_s=3.0))
    (demand,) = queues.demands()
    assert (queues.depth(demand), queues.oldest_s(demand), queues.work_s(demand)) == (2, 20.0, 5.0)
    queues.discard("b")
    assert (queues.depth(demand), queues.oldest_s(demand), queues.work_s(demand)) == (1, 50.0, 2.0)

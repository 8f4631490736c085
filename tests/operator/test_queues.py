"""The queues against a list that is sorted anew each time."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from picshapes_crds.scheduling.demand import Demand
from picshapes_crds.scheduling.turns import Ticket
from picshapes_operator.queues import Queues

DEMANDS = [Demand("m", "r", "real", need) for need in (1, 2)]


@dataclass(frozen=True)
class Add:
    job: str
    demand: int
    level: int
    owner: str
    created_s: float


@dataclass(frozen=True)
class Discard:
    job: str


@dataclass(frozen=True)
class Rank:
    owner: str
    rank: float


jobs = st.sampled_from([f"j{n}" for n in range(8)])
owners = st.sampled_from("abc")
steps = st.one_of(
    st.builds(
        Add,
        job=jobs,
        demand=st.integers(0, 1),
        level=st.integers(-1, 1),
        owner=owners,
        created_s=st.integers(0, 5).map(float),
    ),
    st.builds(Discard, job=jobs),
    st.builds(Rank, owner=owners, rank=st.integers(0, 3).map(float)),
)


@given(st.lists(steps, max_size=40))
def test_the_lines_are_always_those_of_a_plain_sort(script: list[Add | Discard | Rank]) -> None:
    queues, model, ranks = Queues(), dict[str, Add](), dict[str, float]()
    for step in script:
        match step:
            case Add():
                model[step.job] = step
                ticket = Ticket(DEMANDS[step.demand], step.level, step.owner, step.created_s, 1.0)
                queues.add(step.job, ticket)
            case Discard(job):
                model.pop(job, None)
                queues.discard(job)
            case Rank(owner, rank):
                ranks[owner] = rank
                queues.rank(owner, rank)
    seen = [
        (queue.demand, line.level, line.owner, line.rank, head.job)
        for queue in queues.heads(1000, 1.0)
        for line in queue.lines
        for head in line.heads
    ]
    expected = [
        (DEMANDS[one.demand], one.level, one.owner, ranks.get(one.owner, 0.0), one.job)
        for one in sorted(
            model.values(),
            key=lambda one: (-one.level, ranks.get(one.owner, 0.0), one.owner, one.created_s, one.job),
        )
    ]
    for demand in DEMANDS:
        assert [row for row in seen if row[0] == demand] == [row for row in expected if row[0] == demand]
    assert len(seen) == len(expected) == len(queues)
    assert queues.top_level() == max((one.level for one in model.values()), default=None)


def test_many_owners_share_what_one_pass_looks_at() -> None:
    queues = Queues()
    for number in range(200):
        for n in range(10):
            queues.add(f"o{number}j{n}", Ticket(DEMANDS[0], 0, f"owner{number:03}", float(n), 1.0))
    (queue,) = queues.heads(256, 1.0)
    assert len(queue.lines) == 64
    assert {len(line.heads) for line in queue.lines} == {4}


def test_depth_and_age_are_told_for_each_demand() -> None:
    queues = Queues()
    queues.add("a", Ticket(DEMANDS[0], 0, "x", 50.0, 1.0))
    queues.add("b", Ticket(DEMANDS[0], 5, "y", 20.0, 1.0))
    assert queues.depths() == {DEMANDS[0]: (2, 20.0)}

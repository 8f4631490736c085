"""Who may act, on a real API server and a clock of the test's own."""

from datetime import UTC, datetime, timedelta

from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.leadership import Leadership, Seat


class ManualClock:
    """A clock that goes on when the test says so."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.moment)

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += seconds


def candidate(cluster: KubeCluster, namespace: str, identity: str, clock: ManualClock) -> Leadership:
    return Leadership(cluster, Seat(namespace, "operator", identity), clock)


async def test_the_first_to_ask_holds_the_lease_and_no_other(cluster: KubeCluster, namespace: str) -> None:
    clock = ManualClock()
    first, second = (candidate(cluster, namespace, name, clock) for name in ("one", "two"))
    await first.step()
    await second.step()
    assert (first.held(), second.held()) == (True, False)


async def test_a_holder_that_could_not_renew_stops_acting_before_it_can_be_replaced(
    cluster: KubeCluster, namespace: str
) -> None:
    clock = ManualClock()
    first, second = (candidate(cluster, namespace, name, clock) for name in ("one", "two"))
    await first.step()
    await second.step()
    clock.moment += 7.0
    await second.step()
    assert (first.held(), second.held()) == (False, False)
    clock.moment += 3.1
    await second.step()
    assert (first.held(), second.held()) == (False, True)


async def test_a_renewal_keeps_others_out(cluster: KubeCluster, namespace: str) -> None:
    clock = ManualClock()
    first, second = (candidate(cluster, namespace, name, clock) for name in ("one", "two"))
    for _ in range(10):
        await first.step()
        await second.step()
        clock.moment += 2.0
    assert (first.held(), second.held()) == (True, False)


async def test_a_released_lease_is_taken_at_once(cluster: KubeCluster, namespace: str) -> None:
    clock = ManualClock()
    first, second = (candidate(cluster, namespace, name, clock) for name in ("one", "two"))
    await first.step()
    await first.release()
    await second.step()
    assert (first.held(), second.held()) == (False, True)

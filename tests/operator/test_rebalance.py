"""Which waiting claims are handed back."""

from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_operator.rebalance import HeldJob, WaitingClaim, behind_others, rebalance

SMALL = Demand("flux-schnell", "r", "real", 8_000)
BIG = Demand("flux-schnell", "r", "real", 40_000)


def worker(name: str, held: int, vram_mib: int = 24_564) -> Worker:
    return Worker(name, f"{name}-id", vram_mib, "real", {"flux-schnell": "r"}, frozenset(), held, accepting=True)


def test_a_waiting_claim_goes_back_when_a_worker_that_fits_is_idle() -> None:
    claims = [WaitingClaim("a", SMALL, "w1-id", 1)]
    assert rebalance(claims, [(worker("w2", 0), 1)]) == ["a"]


def test_it_stays_when_the_idle_worker_is_too_small() -> None:
    assert rebalance([WaitingClaim("a", BIG, "w1-id", 1)], [(worker("w2", 0), 1)]) == []


def test_each_idle_worker_takes_one_job_from_the_oldest_claims() -> None:
    claims = [WaitingClaim(job, SMALL, f"{job}-id", 1) for job in ("a", "b", "c")]
    assert rebalance(claims, [(worker("w8", 0), 2)]) == ["a", "b"]


def test_claims_beyond_a_workers_places_go_back_though_nobody_is_idle() -> None:
    claims = [WaitingClaim("a", SMALL, "w1-id", 1), WaitingClaim("b", SMALL, "w1-id", 2)]
    assert rebalance(claims, []) == ["b"]


def test_a_job_that_has_begun_never_waits_whatever_the_order_of_the_claims() -> None:
    held = [
        HeldJob("young-but-running", SMALL, "w1-id", begun=True, claimed_s=9.0),
        HeldJob("old", SMALL, "w1-id", begun=False, claimed_s=1.0),
        HeldJob("alone", SMALL, "w2-id", begun=False, claimed_s=2.0),
    ]
    assert behind_others(held) == [WaitingClaim("old", SMALL, "w1-id", 1)]

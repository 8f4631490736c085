"""The ledger of `bench restart`: it finds every claim that should not have been, and no other."""

from typing import Any

from picshapes_cli.bench.claim_ledger import ClaimLedger


def job(uid: str, phase: str, worker: str = "w0", attempt: int = 1) -> dict[str, Any]:
    status = {"phase": phase, "workerName": worker, "workerID": f"id-{worker}", "attempt": attempt}
    return {"metadata": {"uid": uid}, "status": status}


def ledger_of(*jobs: dict[str, Any]) -> ClaimLedger:
    ledger = ClaimLedger()
    for one in jobs:
        ledger.see(one)
    return ledger


def test_a_life_without_loss_is_one_claim() -> None:
    ledger = ledger_of(job("a", "Pending"), job("a", "Claimed"), job("a", "Processing"), job("a", "Completed"))
    assert (ledger.claims, ledger.double, ledger.held) == (1, [], {})


def test_a_job_given_back_first_may_be_claimed_again() -> None:
    ledger = ledger_of(job("a", "Claimed"), job("a", "Pending"), job("a", "Claimed", "w1", 2))
    assert (ledger.claims, ledger.double) == (2, [])


def test_a_job_claimed_while_it_is_held_is_a_double_claim() -> None:
    ledger = ledger_of(job("a", "Claimed"), job("a", "Claimed", "w1", 2))
    assert ledger.double == ["a was claimed while w0 held it"]


def test_a_third_job_for_one_worker_is_a_double_claim_of_a_place() -> None:
    ledger = ledger_of(job("a", "Claimed"), job("b", "Claimed"), job("c", "Claimed"))
    assert ledger.double == ["w0 was given c above its 2 places"]


def test_the_end_of_a_job_frees_its_place() -> None:
    ledger = ledger_of(job("a", "Claimed"), job("b", "Claimed"), job("a", "Failed"), job("c", "Claimed"))
    assert (ledger.claims, ledger.double, list(ledger.held)) == (3, [], ["b", "c"])

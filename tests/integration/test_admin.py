"""`picshapes admin`: what an administrator does from the command line, against the running API."""

import json
import subprocess
from typing import Any

from .stack import PICSHAPES, Stack


def admin(stack: Stack, *arguments: str, key: str = "admin_key") -> subprocess.CompletedProcess[str]:
    access = ("--url", stack.ready["api_url"], "--key", stack.ready[key])
    argv = [str(PICSHAPES), "admin", *arguments, *access]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def answer(stack: Stack, *arguments: str) -> dict[str, Any]:
    run = admin(stack, *arguments, "--json")
    assert run.returncode == 0, run.stderr
    parsed: dict[str, Any] = json.loads(run.stdout)
    return parsed


def test_a_user_is_added_changed_and_given_credits_that_the_ledger_and_the_audit_show(stack: Stack) -> None:
    made = answer(stack, "add", "ann@example.org", "--name", "Ann", "--credits", "5")
    assert made["api_key"].startswith("uk_")
    assert (made["email"], made["credits"], made["role"]) == ("ann@example.org", 5, "user")

    assert answer(stack, "grant", "ann@example.org", "7", "--reason", "a present")["credits"] == 12
    changed = answer(stack, "change", made["id"], "--limit-per-minute", "0", "--disable")
    assert (changed["limit_per_minute"], changed["disabled"]) == (0, True)
    entries = answer(stack, "ledger", "ann@example.org")["entries"]
    assert [entry["amount"] for entry in entries] == [7, 5]
    assert [user["email"] for user in answer(stack, "list", "--email", "ann@example.org")["users"]] == [
        "ann@example.org"
    ]
    assert answer(stack, "audit")["consistent"] is True


def test_a_limit_is_set_back_to_the_default_and_a_wrong_one_is_refused(stack: Stack) -> None:
    made = answer(stack, "add", "bob@example.org")
    changed = answer(stack, "change", made["id"], "--limit-per-minute", "5", "--limit-per-day", "0")
    assert (changed["limit_per_minute"], changed["limit_per_day"]) == (5, 0)
    changed = answer(stack, "change", made["id"], "--limit-per-minute", "default")
    assert ("limit_per_minute" in changed, changed["limit_per_day"]) == (False, 0)
    refused = admin(stack, "change", made["id"], "--limit-per-day", "many")
    assert refused.returncode == 2
    assert "must be a number or default" in refused.stderr


def test_a_key_is_made_for_a_user_and_works(stack: Stack) -> None:
    made = answer(stack, "add", "eve@example.org", "--role", "admin")
    key = answer(stack, "key", "eve@example.org", "--name", "laptop")
    assert (key["name"], key["prefix"]) == ("laptop", key["api_key"][:11])
    assert key["api_key"] != made["api_key"]
    access = ("--url", stack.ready["api_url"], "--key", key["api_key"])
    own = subprocess.run(
        [str(PICSHAPES), "admin", "audit", *access], capture_output=True, text=True, timeout=120, check=False
    )
    assert own.returncode == 0


def test_a_grant_repeated_with_its_key_is_given_once(stack: Stack) -> None:
    answer(stack, "add", "dan@example.org")
    given = ("grant", "dan@example.org", "7", "--reason", "a present", "--idempotency-key", "may")
    assert [answer(stack, *given)["credits"] for _ in range(2)] == [7, 7]
    refused = admin(stack, "grant", "dan@example.org", "8", *given[3:])
    assert refused.returncode == 1
    assert refused.stderr == "picshapes: Idempotency-Key was used for another request\n"


def test_without_json_a_person_sees_a_table(stack: Stack) -> None:
    shown = admin(stack, "list")
    assert shown.returncode == 0
    assert "admin@localhost.localdomain" in shown.stdout


def test_a_user_who_is_no_administrator_is_refused_in_one_sentence(stack: Stack) -> None:
    refused = admin(stack, "list", key="api_key")
    assert refused.returncode == 1
    assert refused.stderr.startswith("picshapes: ")
    assert "Traceback" not in refused.stderr


def test_an_unknown_user_is_named(stack: Stack) -> None:
    refused = admin(stack, "ledger", "nobody@example.org")
    assert refused.returncode == 1
    assert refused.stderr == "picshapes: there is no user nobody@example.org\n"

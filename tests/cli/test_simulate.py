"""`picshapes simulate` as its users run it."""

import json
import subprocess
import sys
from pathlib import Path

from picshapes_cli.simulate import Totals, replay

PICSHAPES = str(Path(sys.executable).with_name("picshapes"))


def test_figures_of_all_seeds_are_added_up() -> None:
    run = subprocess.run(
        [PICSHAPES, "simulate", "--seeds", "3", "--processes", "2", "--twice", "--json"],
        capture_output=True,
        check=True,
        timeout=240,
    )
    body = json.loads(run.stdout)
    assert (body["seeds"], body["failures"], body["unequal"]) == (3, [], [])
    assert body["fewest_steps_of_a_seed"] >= 200
    assert body["faults"]["call_slow"] > 0
    assert body["transitions"]["Pending -> Claimed"] > 0


def test_a_trace_shows_what_happens() -> None:
    arguments = [PICSHAPES, "simulate", "--first", "7", "--seeds", "1", "--trace", "--without", "worker_killed"]
    shown = subprocess.run(arguments, capture_output=True, check=True, timeout=240, text=True).stdout
    assert "operator-0.1 starts" in shown
    assert "faults stop" in shown


def test_a_failing_seed_names_the_command_that_runs_it_again() -> None:
    totals = Totals()
    totals.add(
        {
            "seed": 17,
            "violation": "two jobs run on one worker at once",
            "steps": 900,
            "events": 90,
            "simulated_s": 60.0,
            "jobs": 4,
            "faults": {},
            "transitions": {},
            "without": ["api_killed", "stopped"],
            "trace": [],
        }
    )
    assert replay(totals.failures[0]) == (
        "picshapes simulate --first 17 --seeds 1 --trace --without api_killed,stopped"
    )

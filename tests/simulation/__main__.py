"""`python -m tests.simulation --first 0 --count 100`: one line of JSON for each seed, for who adds them up.

Started with a fixed PYTHONHASHSEED: the order of sets of strings is part of a run.
"""

import argparse
import json
import sys
from typing import Any

from .campaign import Campaign, shown
from .faults import Fault
from .run import Outcome


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON."""
    return {
        "seed": outcome.seed,
        "violation": outcome.violation,
        "digest": outcome.digest,
        "steps": outcome.steps,
        "events": outcome.events,
        "simulated_s": round(outcome.simulated_s, 3),
        "jobs": outcome.jobs,
        "faults": {fault.name.lower(): count for fault, count in outcome.faults.items()},
        "transitions": {f"{was} -> {now}": count for (was, now), count in outcome.moves.items() if was != now},
    }


def main() -> None:
    """Run the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--without", default="")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--twice", action="store_true")
    options = parser.parse_args()
    without = frozenset(Fault[name.upper()] for name in options.without.split(",") if name)
    with Campaign() as campaign:
        for seed in range(options.first, options.first + options.count):
            outcome = campaign.run(seed, without)
            line = summary(outcome)
            if options.twice:
                line["equal"] = campaign.run(seed, without).digest == outcome.digest
            if outcome.violation:
                small, needless = campaign.smaller(outcome, without)
                line["without"] = sorted(fault.name.lower() for fault in needless)
                line["trace"] = shown(small)
            if options.trace:
                line["trace"] = [str(one) for one in outcome.trace.noted]
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

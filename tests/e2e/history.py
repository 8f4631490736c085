"""What became of jobs, write by write: the API server's own watch of them, from before they were made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import stamina
from tests.e2e.cluster import Cluster

WATCH_S: Final = 1800
SHOWN_LIMIT_S: Final = 60
"""How long a watch may be behind what was read already."""
ENDED: Final = ("Completed", "Failed")


@contextmanager
def recorded(cluster: Cluster, folder: Path) -> Iterator["History"]:
    """Record each change of the namespace's jobs from now on."""
    jobs = f"/apis/picshapes.io/v1alpha1/namespaces/{cluster.namespace}/generationjobs"
    now = json.loads(cluster.kubectl("get", "--raw", f"{jobs}?limit=1"))["metadata"]["resourceVersion"]
    file = folder / "watch.jsonl"
    with cluster.written(f"{jobs}?watch=true&resourceVersion={now}&timeoutSeconds={WATCH_S}", file):
        yield History(file)


@dataclass(frozen=True)
class History:
    """The events so far."""

    file: Path

    def of(self, *names: str) -> list["Course"]:
        """Return each job's course when the watch has shown that all ended; raises AssertionError if not."""
        for attempt in stamina.retry_context(
            on=AssertionError, attempts=None, timeout=SHOWN_LIMIT_S, wait_initial=0.2, wait_max=1.0
        ):
            with attempt:
                courses = self._courses()
                open_still = [name for name in names if name not in courses or not courses[name].ended]
                assert not open_still, f"the watch has not shown the end of {open_still}"
                return [courses[name] for name in names]
        raise AssertionError

    def _courses(self) -> dict[str, "Course"]:
        courses: dict[str, Course] = {}
        for line in self.file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may not be whole yet
                event = json.loads(line)
                assert event["type"] != "ERROR", line
                job = event["object"]
                courses.setdefault(job["metadata"]["name"], Course([])).statuses.append(job["status"])
        return courses


@dataclass(frozen=True)
class Course:
    """One job's statuses, oldest first."""

    statuses: list[dict[str, Any]]

    @property
    def ended(self) -> bool:
        """Whether it has ended, well or not."""
        return self.statuses[-1]["phase"] in ENDED

    @property
    def ends(self) -> int:
        """How often it went over into an end: more than once would be an end that was left or written anew."""
        ends = [(one["phase"], one.get("result")) if one["phase"] in ENDED else None for one in self.statuses]
        return sum(
            after is not None and after != before for before, after in zip([None, *ends], ends, strict=False)
        )

    @property
    def begun(self) -> int:
        """How many of its attempts began inference. `attempt` itself counts claims that were handed back too."""
        return len({one["attempt"] for one in self.statuses if one["phase"] in ("Processing", "Completed")})

    @property
    def failures(self) -> int:
        """How often begun work was lost, as its last status says."""
        failures: int = self.statuses[-1].get("failures", 0)
        return failures

    @property
    def workers_lost(self) -> int:
        """How many workers were lost with it as their first job, as its last status says."""
        lost: int = self.statuses[-1].get("workersLost", 0)
        return lost

    @property
    def fate(self) -> tuple[str, int, int, int, int]:
        """Return how it ended, how often that happened, and how much was begun, lost, and lost with its worker."""
        return self.statuses[-1]["phase"], self.ends, self.begun, self.failures, self.workers_lost

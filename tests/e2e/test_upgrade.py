"""From the last release to the tree's chart and back, with jobs in flight. The null engine draws; 2 s a job."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import stamina
from tests.e2e.cluster import CHART, Cluster, CommandFailedError
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.jobs import await_end, job
from tests.e2e.release import RELEASE, installed

pytestmark = pytest.mark.timeout(1800)

RELEASED: Final = Path(__file__).parent / "released" / "picshapes-0.1.0.tgz"
"""The chart of the tag v0.1.0, as `helm package charts/picshapes` made it. Its images are the tree's."""
SERVED_LIMIT_S: Final = 60
"""How long an API server may take to serve a definition that it has accepted."""


def with_one_more_field(folder: Path) -> Path:
    """Return a copy of the chart whose jobs have one more field, `spec.finish`."""
    chart = Path(shutil.copytree(CHART, folder / "picshapes"))
    definition = chart / "templates" / "generated" / "definition.yaml"
    text, first = definition.read_text(), "            properties:\n              prompt:\n"
    assert text.count(first) == 1
    field = "              finish:\n                type: string\n                description: How it shines.\n"
    definition.write_text(
        text.replace(first, first.replace("              prompt:\n", field + "              prompt:\n"))
    )
    return chart


def lasting(cluster: Cluster) -> dict[str, str]:
    """Return the uids of the definition and of all jobs."""
    definition = cluster.read("customresourcedefinition", "generationjobs.picshapes.io")
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in [definition, *_jobs(cluster)]}


def _jobs(cluster: Cluster) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = cluster.read("generationjobs")["items"]
    return jobs


def test_jobs_in_flight_outlast_an_upgrade_from_the_last_release_with_a_field_more_and_its_rollback(
    cluster: Cluster, tmp_path: Path
) -> None:
    values = values_file(tmp_path, {"workerPools": null_pool(2)})
    # So that every part of it starts anew.
    louder = [word for part in ("operator", "api", "worker") for word in ("--set", f"{part}.logLevel=DEBUG")]
    before, after = ([f"{when}-upgrade-{number:02}" for number in range(20)] for when in ("before", "after"))
    shining = job("shining", finish="matt")
    with installed(cluster, "-f", values, chart=RELEASED) as release:
        assert 'unknown field "spec.finish"' in release.refused("create", "-f", "-", stdin=json.dumps(shining))
        release.create(*(job(name) for name in before))
        await_end(release, before[0])
        release.helm(
            "upgrade", RELEASE, with_one_more_field(tmp_path), "-f", values, *louder, "--wait", "--timeout", "10m"
        )
        for attempt in stamina.retry_context(on=CommandFailedError, attempts=None, timeout=SERVED_LIMIT_S):
            with attempt:
                release.create(shining)
        assert release.read("generationjob", "shining")["spec"]["finish"] == "matt"
        release.create(*(job(name) for name in after))
        await_end(release, after[0])
        there = lasting(release)
        release.helm("rollback", RELEASE, "--wait", "--timeout", "10m")
        assert lasting(release) == there
        ends = await_end(release, *before, "shining", *after)
    fates = ((end["phase"], end.get("failures", 0), end.get("workersLost", 0)) for end in ends)
    assert Counter(fates) == {("Completed", 0, 0): 41}

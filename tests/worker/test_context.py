"""What a worker's surroundings say of jobs."""

import pytest

from picshapes_worker.context import WorkerContext
from picshapes_worker.job_name import JobName


@pytest.mark.parametrize(("namespace", "said"), [("n", "a"), ("m", "m/a")])
def test_logs_name_the_namespace_of_a_neighbours_job_only(
    context: WorkerContext, namespace: str, said: str
) -> None:
    assert context.logged(JobName(namespace, "a")) == said

"""What a worker's surroundings say of jobs."""

from datetime import UTC, datetime

import pytest

from picshapes_crds.names import ORIGIN_API, ORIGIN_LABEL
from picshapes_crds.resource import GenerationJob
from picshapes_worker.context import WorkerContext
from picshapes_worker.job_name import JobName


@pytest.mark.parametrize(("namespace", "said"), [("n", "a"), ("m", "m/a")])
def test_logs_name_the_namespace_of_a_neighbours_job_only(
    context: WorkerContext, namespace: str, said: str
) -> None:
    assert context.logged(JobName(namespace, "a")) == said


@pytest.mark.parametrize(("namespace", "public"), [("n", "a"), ("m", "uid-a")])
def test_a_name_is_a_public_id_in_the_own_namespace_only(
    context: WorkerContext, namespace: str, public: str
) -> None:
    metadata = {
        "name": "a",
        "namespace": namespace,
        "uid": "uid-a",
        "resourceVersion": "1",
        "creationTimestamp": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        "labels": {ORIGIN_LABEL: ORIGIN_API},
    }
    assert context.public_id(GenerationJob.parse({"metadata": metadata, "spec": {"prompt": "x"}})) == public

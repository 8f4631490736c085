"""The chart with PostgreSQL, Redis and an S3 server of the platform's, two APIs and two operators."""

from collections.abc import Iterator

import pytest
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.release import RELEASE, api, installed
from tests.e2e.surroundings import set_up, take_down

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The chart on external services, with workers that draw nothing."""
    folder = tmp_path_factory.mktemp("values")
    try:
        outside = set_up(cluster)
        with installed(cluster, "-f", values_file(folder, {**outside, "workerPools": null_pool(1)})) as here:
            yield here
    finally:
        take_down(cluster)


def test_a_picture_is_found_by_either_api_when_an_operator_and_an_api_were_lost(release: Cluster) -> None:
    size = {"model": "flux-schnell", "width": 512, "height": 512}
    with api(release) as service:
        user = service.new_user("external@example.org", 10)
        before = service.submit(user, prompt="a blue square", **size)
        first = service.ended(user, before["id"])
    for part in ("operator", "api"):
        pods = release.read("pods", "-l", f"app.kubernetes.io/component={part}")["items"]
        assert len(pods) == 2
        release.kubectl("delete", "pod", pods[0]["metadata"]["name"], "--wait=false")
    with api(release) as service:
        after = service.submit(user, prompt="a green cross", **size)
        second = service.ended(user, after["id"])
        assert [first["status"], second["status"]] == ["completed", "completed"]
        for job_id in (before["id"], after["id"]):
            seen = service.ended(user, job_id)
            assert service.picture(seen)[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_bundled_store_and_its_claims_are_not_there(release: Cluster) -> None:
    names = {item["metadata"]["name"] for item in release.read("deployments")["items"]}
    assert names == {f"{RELEASE}-api", f"{RELEASE}-operator", f"{RELEASE}-worker-demo"}

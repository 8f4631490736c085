"""The chart with no values, where the platform denies its namespace all egress: a picture on the processor, with
nothing else in the cluster."""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.e2e.cluster import CHART, Cluster
from tests.e2e.connections import DENY_EGRESS, PASSES, REFUSED, await_connections, connections, idle_pod
from tests.e2e.jobs import await_end, job
from tests.e2e.outside import METADATA_ADDRESS, answering_outside
from tests.e2e.release import RELEASE, api, installed

pytestmark = pytest.mark.timeout(1800)

WORKER = f"deployment/{RELEASE}-worker-demo"
API = f"deployment/{RELEASE}-api"

ASK_AS_WORKER = """
import json, ssl, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
context = ssl.create_default_context(cafile=folder + "ca.crt")
def status(method, path, kind="application/json", body=None):
    headers = {"Authorization": "Bearer " + open(folder + "token").read(), "Content-Type": kind}
    request = urllib.request.Request("https://kubernetes.default.svc" + path, body and json.dumps(body).encode(),
                                     headers, method=method)
    try:
        return urllib.request.urlopen(request, context=context, timeout=30).status
    except urllib.error.HTTPError as refusal:
        return refusal.code
jobs = "/apis/picshapes.io/v1alpha1/namespaces/picshapes/generationjobs"
merge = "application/merge-patch+json"
print(json.dumps({
    "read jobs": status("GET", jobs),
    "create a job": status("POST", jobs, body={"apiVersion": "picshapes.io/v1alpha1", "kind": "GenerationJob",
                                               "metadata": {"name": "by-worker"}, "spec": {"prompt": "a cross"}}),
    "patch another's job": status("PATCH", jobs + "/foreign/status", merge, {"status": {"progress": "1/4"}}),
    "list secrets": status("GET", "/api/v1/namespaces/picshapes/secrets"),
    "delete a pod": status("DELETE", "/api/v1/namespaces/picshapes/pods/none"),
}))
"""


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Cluster]:
    """The chart, installed with no values into a namespace that was denied all egress before."""
    cluster.create(DENY_EGRESS)
    try:
        with installed(cluster) as here:
            yield here
    finally:
        cluster.kubectl("delete", "networkpolicy", DENY_EGRESS["metadata"]["name"])


def test_helm_test_draws_a_picture(release: Cluster) -> None:
    said = release.helm("test", RELEASE, "--timeout", "10m")
    assert "Phase:          Succeeded" in said


def test_a_user_draws_a_picture_through_the_service(release: Cluster) -> None:
    with api(release) as service:
        user = service.new_user("e2e@example.org", 10)
        made = service.submit(
            user, prompt="a red circle on a white background", model="flux-schnell", width=512, height=512, seed=7
        )
        ended = service.ended(user, made["id"])
        picture = np.asarray(Image.open(io.BytesIO(service.picture(ended))).convert("RGB")).astype(int)
    assert ended["status"] == "completed"
    assert picture.shape == (512, 512, 3)
    red = (picture[..., 0] > 150) & (picture[..., 1] < 110) & (picture[..., 2] < 110)
    white = picture.min(axis=2) > 200
    assert red.mean() > 0.02
    assert white.mean() > 0.3


def test_a_job_that_kubectl_creates_is_drawn(release: Cluster) -> None:
    release.create(job("by-kubectl"))
    [status] = await_end(release, "by-kubectl")
    assert (status["phase"], status["attempt"], status["progress"]) == ("Completed", 1, "4/4")


def test_a_workers_token_touches_no_job_but_its_own_and_reads_no_secret(release: Cluster) -> None:
    release.create(job("foreign", model="unknown-model"))
    answers = release.python_in(WORKER, ASK_AS_WORKER)
    assert answers == {
        "read jobs": 200,
        "create a job": 403,
        "patch another's job": 403,
        "list secrets": 403,
        "delete a pod": 403,
    }


def test_connections_within_the_cluster_pass_only_where_the_policies_let_them(release: Cluster) -> None:
    server, store, service = (
        "kubernetes.default.svc:443",
        "picshapes-store.picshapes.svc:7070",
        "picshapes-api.picshapes.svc:80",
    )
    with idle_pod(replace(release, namespace="default"), "stranger") as stranger:
        theirs = connections(*stranger, server, store, service)
    assert connections(release, WORKER, server, store, service) == [PASSES, PASSES, REFUSED]
    assert theirs == [PASSES, REFUSED, PASSES]


def test_nothing_outside_is_reached_but_where_the_api_server_may_be_and_then_where_it_is(release: Cluster) -> None:
    """Empty `networkPolicy.apiServerCIDRs` leave its ports open to anywhere but the clouds' metadata address."""
    nodes = release.read("nodes")["items"]
    with (
        answering_outside([node["metadata"]["name"] for node in nodes]) as outside,
        idle_pod(replace(release, namespace="default"), "stranger") as stranger,
        idle_pod(release, "bystander") as bystander,
    ):
        targets = [f"{host}:{port}" for host in (outside, METADATA_ADDRESS) for port in (80, 443)]
        await_connections([PASSES] * 4, *stranger, *targets)
        await_connections([REFUSED] * 4, *bystander, *targets)
        for part in (WORKER, API):
            assert connections(release, part, *targets) == [REFUSED, PASSES, REFUSED, REFUSED]
        addresses = [
            one["address"] for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP"
        ]
        named = ",".join(f"{address}/32" for address in addresses)
        options = ["--set", f"networkPolicy.apiServerCIDRs={{{named}}}", "--wait", "--timeout", "5m"]
        release.helm("upgrade", RELEASE, CHART, *options)
        for part in (WORKER, API):
            await_connections([REFUSED] * 4, release, part, *targets)
        release.create(job("enclosed"))
        [status] = await_end(release, "enclosed")
    assert status["phase"] == "Completed"

"""The chart with PostgreSQL, Redis and an S3 server of the platform's, two APIs and two operators, for two teams:
one in the release's namespace and one in another. The null engine draws."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
import stamina
from tests.e2e.cluster import CHART, Cluster
from tests.e2e.conftest import null_pool, values_file
from tests.e2e.jobs import await_end, job
from tests.e2e.release import RELEASE, api, installed
from tests.e2e.surroundings import set_up, take_down

pytestmark = pytest.mark.timeout(1800)

TEAM: Final = "team"
LATER_TEAM: Final = "later-team"
POOLS: Final = [
    *null_pool(1, models=["flux-schnell"]),
    *null_pool(
        1,
        step_s=15,
        name="scaled",
        models=["z-image-turbo"],
        autoscaling={"type": "hpa", "minReplicas": 1, "maxReplicas": 2},
    ),
]
"""An HPA that is given no figures, as here, leaves the second pool's size to the test."""
SCALED: Final = f"deployment/{RELEASE}-worker-scaled"
COST: Final = r"controller\.kubernetes\.io/pod-deletion-cost"
PNG: Final = b"\x89PNG\r\n\x1a\n"
TOLD_LIMIT_S: Final = 60
"""How long an Event may come after what it tells of."""


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Cluster]:
    """The other team's namespace, which is there before the release."""
    there = replace(cluster, namespace=TEAM)
    there.kubectl("delete", "namespace", TEAM, "--ignore-not-found")  # of a cluster that was kept
    there.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
    yield there
    there.kubectl("delete", "namespace", TEAM, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def release(cluster: Cluster, team: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The chart on external services, with workers that draw nothing."""
    folder = tmp_path_factory.mktemp("values")
    try:
        outside = set_up(cluster)
        values = {**outside, "jobNamespaces": [team.namespace], "workerPools": POOLS}
        with installed(cluster, "-f", values_file(folder, values)) as here:
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
            assert service.picture(seen)[:8] == PNG


def test_the_bundled_store_and_its_claims_are_not_there(release: Cluster) -> None:
    names = {item["metadata"]["name"] for item in release.read("deployments")["items"]}
    parts = ("api", "operator", "worker-demo", "worker-scaled")
    assert names == {f"{RELEASE}-{part}" for part in parts}


def test_the_clusters_own_roles_for_people_hold_for_jobs(release: Cluster, team: Cluster) -> None:
    roles = ("view", "edit", "admin")
    for role in roles:
        team.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user=may-{role}")
    for role in roles:
        team.kubectl("get", "generationjobs", f"--as=may-{role}")
    making, file = ("create", "--dry-run=server", "-f", "-"), json.dumps(job("somebodys"))
    for role in roles[1:]:
        team.kubectl(*making, f"--as=may-{role}", stdin=file)
    assert 'User "may-view" cannot create resource' in team.refused(*making, "--as=may-view", stdin=file)
    assert 'User "nobody" cannot list resource' in team.refused("get", "generationjobs", "--as=nobody")
    assert 'User "may-edit" cannot list resource' in release.refused("get", "generationjobs", "--as=may-edit")
    owned = json.dumps(job("owned", owner="somebody"))
    assert "the namespace owns the job" in team.refused(*making, "--as=may-edit", stdin=owned)
    first = json.dumps(job("first", priority=1))
    assert "goes before everybody else's jobs" in team.refused(*making, "--as=may-admin", stdin=first)


def test_jobs_of_one_name_in_two_namespaces_are_two_and_the_api_serves_both_pictures(
    release: Cluster, team: Cluster
) -> None:
    for place in (release, team):
        place.create(job("twin"))
    ends = [status for place in (release, team) for status in await_end(place, "twin")]
    assert [end["phase"] for end in ends] == ["Completed", "Completed"]
    assert len({end["resultURL"] for end in ends}) == 2
    uids = [place.read("generationjob", "twin")["metadata"]["uid"] for place in (release, team)]
    with api(release) as service:
        for uid in uids:
            shown = service.ended({}, uid)
            assert shown["result_url"].endswith(f"/results/{uid}.png")
            assert service.picture(shown)[:8] == PNG


def test_kubectl_describe_tells_a_team_why_its_job_failed(
    release: Cluster,  # noqa: ARG001 - its operator tells
    team: Cluster,
) -> None:
    team.create(job("overdue", model="none-such", deadlineSeconds=1))
    assert [status["phase"] for status in await_end(team, "overdue")] == ["Failed"]
    event = r"Warning +DeadlineExceeded .*picshapes\.io/operator +not finished within 1 s of its creation"
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=TOLD_LIMIT_S):
        with attempt:
            assert re.search(event, team.kubectl("describe", "generationjob", "overdue"))


def test_a_quota_bounds_a_teams_jobs(
    release: Cluster,  # noqa: ARG001 - the definition must be there
    team: Cluster,
) -> None:
    team.kubectl("create", "quota", "jobs", "--hard=count/generationjobs.picshapes.io=0")
    known = r"jsonpath={.status.hard.count/generationjobs\.picshapes\.io}=0"
    team.kubectl("wait", f"--for={known}", "resourcequota/jobs", "--timeout=120s")
    refusal = team.refused("create", "-f", "-", stdin=json.dumps(job("one-too-many")))
    assert "exceeded quota: jobs, requested: count/generationjobs.picshapes.io=1" in refusal
    team.kubectl("delete", "quota", "jobs")


def test_a_pool_that_gets_smaller_loses_the_worker_that_idles(release: Cluster) -> None:
    """By age alone it would lose the newer one, which draws here."""
    [older] = workers(release)
    long = {"model": "z-image-turbo"}
    release.create(job("begun-first", **long))
    await_status(release, "begun-first", phase="Processing")
    release.kubectl("scale", SCALED, "--replicas=2")
    release.kubectl("rollout", "status", SCALED, "--timeout=5m")
    [newer] = workers(release) - {older}
    release.create(job("goes-on", **long))
    await_status(release, "goes-on", workerName=newer, phase="Processing")
    release.kubectl("delete", "generationjob", "begun-first")
    marked = f"jsonpath={{.metadata.annotations.{COST}}}=-1"
    release.kubectl("wait", f"--for={marked}", f"pod/{older}", "--timeout=120s")
    release.kubectl("scale", SCALED, "--replicas=1")
    release.kubectl("wait", "--for=delete", f"pod/{older}", "--timeout=120s")
    assert workers(release) == {newer}
    status = release.read("generationjob", "goes-on")["status"]
    assert (status["phase"], status["workerName"]) == ("Processing", newer)
    release.kubectl("delete", "generationjob", "goes-on")


def test_jobs_of_a_team_that_comes_later_go_to_no_worker_that_does_not_know_of_it_yet(release: Cluster) -> None:
    later = replace(release, namespace=LATER_TEAM)
    later.kubectl("delete", "namespace", LATER_TEAM, "--ignore-not-found")  # of a cluster that was kept
    later.kubectl("create", "namespace", LATER_TEAM)
    release.kubectl("rollout", "pause", SCALED)
    namespaces = f"jobNamespaces={{{TEAM},{LATER_TEAM}}}"
    release.helm("upgrade", RELEASE, CHART, "--reuse-values", "--set", namespaces)
    release.kubectl("rollout", "status", f"deployment/{RELEASE}-operator", "--timeout=5m")
    later.create(job("early", model="z-image-turbo", steps=1))
    scheduled = "jsonpath={.status.conditions[?(@.type=='Scheduled')].message}"
    told = f"could run it, but none watches the namespace {LATER_TEAM} yet"
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=TOLD_LIMIT_S):
        with attempt:
            assert told in later.kubectl("get", "generationjob", "early", "-o", scheduled)
    release.kubectl("rollout", "resume", SCALED)
    [end] = await_end(later, "early")
    assert (end["phase"], end["attempt"], end.get("workersLost", 0)) == ("Completed", 1, 0)
    later.kubectl("delete", "namespace", LATER_TEAM, "--wait=false")


def test_a_teams_end_stops_nobody_else_not_even_when_all_parts_start_anew(release: Cluster, team: Cluster) -> None:
    team.kubectl("delete", "namespace", TEAM, "--timeout=5m")
    release.create(job("afterwards"))
    ends = await_end(release, "afterwards")
    release.kubectl("rollout", "restart", "deployment")
    release.kubectl("rollout", "status", "deployment", "--timeout=5m")
    release.create(job("anew"))
    ends += await_end(release, "anew")
    assert [end["phase"] for end in ends] == ["Completed", "Completed"]
    pods = release.read("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
    containers = [
        one
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for one in pod["status"]["containerStatuses"]
    ]
    assert len(containers) == 6
    assert {(one["ready"], one["restartCount"]) for one in containers} == {(True, 0)}


def workers(release: Cluster) -> set[str]:
    """Return the names of the pods of the pool that is scaled, without those that are going."""
    pods = release.read("pods", "-l", "picshapes-pool=scaled")["items"]
    return {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def await_status(release: Cluster, name: str, **fields: str) -> None:
    """Wait until a job's status has each of these, one after the other."""
    for field, value in fields.items():
        target = f"--for=jsonpath={{.status.{field}}}={value}"
        release.kubectl("wait", target, f"generationjob/{name}", "--timeout=180s")

"""A job made with kubectl: the other door, with no REST API in sight."""

import json
import uuid
from pathlib import Path

import pytest
import yaml

from .kubectl import Kubectl, job_file
from .stack import Stack


@pytest.fixture
def name() -> str:
    return f"job-{uuid.uuid4().hex[:8]}"


def columns(table: str) -> dict[str, str]:
    """Read a table of one row as kubectl prints it; no cell of ours has a blank in it."""
    header, row = table.splitlines()
    return dict(zip(header.split(), row.split(), strict=True))


def test_a_file_with_only_a_prompt_becomes_a_picture(stack: Stack, kubectl: Kubectl, name: str) -> None:
    assert kubectl.apply(name) == f"generationjob.picshapes.io/{name} created"
    kubectl.wait_for(name, "condition=Complete")

    status = kubectl.read("gj", name)["status"]
    assert (status["phase"], status["attempt"], status["progress"]) == ("Completed", 1, "8/8")
    assert status["resolved"] == {
        "model": "z-image-turbo",
        "tier": "basic",
        "width": 1024,
        "height": 1024,
        "steps": 8,
        "minVramMiB": 589,
    }
    assert stack.pictures(kubectl.read("gj", name)["metadata"]["uid"]) == ["1.png"]


def test_the_same_file_applied_twice_changes_nothing(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name)
    assert kubectl.apply(name) == f"generationjob.picshapes.io/{name} unchanged"
    before = kubectl.finished(name)

    assert kubectl.apply(name) == f"generationjob.picshapes.io/{name} unchanged"
    assert kubectl.read("gj", name) == before


def test_a_job_applied_with_another_prompt_is_refused(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name)

    refusal = kubectl.refused("apply", "-f", "-", stdin=job_file(name, prompt="a green star"))
    assert "prompt can't be changed after creation: create another job" in refusal


def test_get_shows_phase_model_worker_and_age(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name)
    kubectl.finished(name)
    seen = columns(kubectl("get", "generationjobs", name))

    assert list(seen) == ["NAME", "PHASE", "MODEL", "TIER", "WORKER", "PROGRESS", "AGE"]
    assert seen["PHASE"] == "Completed"
    assert seen["MODEL"] == "z-image-turbo"
    assert seen["WORKER"] in ("worker-0", "worker-1")
    assert seen["PROGRESS"] == "8/8"
    assert seen["AGE"][-1] == "s"


def test_get_wide_adds_reason_seed_attempt_and_result(stack: Stack, kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, seed=42)
    uid = kubectl.finished(name)["metadata"]["uid"]
    seen = columns(kubectl("get", "generationjobs", name, "-o", "wide"))

    assert list(seen)[7:] == ["REASON", "SEED", "ATTEMPT", "RESULT"]
    assert (seen["REASON"], seen["SEED"], seen["ATTEMPT"]) == ("Succeeded", "42", "1")
    assert seen["RESULT"] == f"{stack.ready['api_url']}/results/{uid}.png"


@pytest.mark.parametrize("what", ["gj", "genjob", "generationjob", "generationjobs", "picshapes", "all"])
def test_jobs_are_found_by_short_names_and_categories(kubectl: Kubectl, name: str, what: str) -> None:
    kubectl.apply(name)

    assert f"generationjob.picshapes.io/{name}" in kubectl("get", what, "-o", "name").splitlines()


def test_jobs_are_selected_by_phase_model_owner_and_worker(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, model="flux-schnell")
    worker = kubectl.finished(name)["status"]["workerName"]

    fields = f"status.phase=Completed,spec.model=flux-schnell,status.workerName={worker}"
    assert f"generationjob.picshapes.io/{name}" in kubectl("get", "gj", f"--field-selector={fields}", "-o", "name")
    assert kubectl("get", "gj", "--field-selector=spec.owner=nobody", "-o", "name") == ""


def test_wait_for_complete_and_for_finished_end_with_the_picture(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name)

    waited = kubectl("wait", "--for=condition=Complete", f"generationjob/{name}", "--timeout=60s")
    assert waited == f"generationjob.picshapes.io/{name} condition met"
    kubectl.wait_for(name, "condition=Finished")


def test_wait_for_finished_and_for_failed_end_with_a_cancelled_job(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, steps=100)
    kubectl.processing(name)
    kubectl("patch", "gj", name, "--type=merge", "-p", '{"spec": {"cancelRequested": true}}')
    kubectl.wait_for(name, "condition=Finished")
    kubectl.wait_for(name, "condition=Failed")

    status = kubectl.read("gj", name)["status"]
    assert (status["phase"], status["conditions"][0]["reason"]) == ("Failed", "Cancelled")


def test_a_job_is_readable_over_rest_by_its_uid(stack: Stack, kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, seed=7, model="flux-schnell")
    uid = kubectl.finished(name)["metadata"]["uid"]
    job = stack.until_job(uid, "completed")

    assert job["id"] == uid
    assert (job["prompt"], job["model"], job["tier"]) == (
        "a red circle on a blue background",
        "flux-schnell",
        "basic",
    )
    assert (job["width"], job["height"], job["steps"], job["seed"]) == (1024, 1024, 4, 7)
    assert job["result_url"] == f"{stack.ready['api_url']}/results/{uid}.png"
    with stack.api() as api:
        assert api.get(job["result_url"]).content[:8] == b"\x89PNG\r\n\x1a\n"
        assert api.get(f"/api/v1/jobs/{uid}/result").json() == {"result_url": job["result_url"]}


def test_describe_says_with_numbers_why_no_worker_fits(stack: Stack, kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, tier="pro")
    kubectl.wait_for(name, "condition=Scheduled=False")

    description = kubectl("describe", "generationjob", name)
    assert "NoWorkerFits" in description
    assert "needs 0.9 GiB and z-image-turbo; 2 workers have the model, the largest has 0.8 GiB" in description, (
        description
    )
    assert columns(kubectl("get", "gj", name, "-o", "custom-columns=R:.status.conditions[0].reason")) == {
        "R": "NoWorkerFits"
    }
    uid = kubectl.read("gj", name)["metadata"]["uid"]
    assert stack.until_job(uid, "pending")["status"] == "pending"


def test_an_unknown_model_is_answered_with_the_known_ones(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, model="flux-schnel")
    kubectl.wait_for(name, "condition=Scheduled=False")

    status = kubectl.read("gj", name)["status"]
    assert status["phase"] == "Pending"
    assert status["conditions"][0]["reason"] == "UnknownModel"
    assert status["conditions"][0]["message"] == "unknown model flux-schnel; known: flux-schnell, z-image-turbo"


def test_a_size_over_the_tiers_limit_is_answered_with_the_limit(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, model="flux-schnell", tier="pro", width=1440)
    kubectl.wait_for(name, "condition=Scheduled=False")

    why = kubectl.read("gj", name)["status"]["conditions"][0]
    assert why["reason"] == "InvalidSpec"
    assert why["message"] == "width 1440 px exceeds the pro tier's 1280 px for flux-schnell"


def test_a_deleted_job_is_gone_at_once(kubectl: Kubectl, name: str) -> None:
    kubectl.apply(name, steps=100)
    kubectl.processing(name)

    kubectl("delete", "gj", name, "--timeout=20s")  # waits for the end of finalizers: there are none
    assert "NotFound" in kubectl.refused("get", "gj", name)


@pytest.fixture(scope="module")
def plain_user(stack: Stack, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Somebody who may make, change and delete jobs, and no more."""
    kubectl("create", "serviceaccount", "plain-user")
    verbs = "--verb=get,list,watch,create,patch,update,delete"
    kubectl("create", "role", "jobs", verbs, "--resource=generationjobs.picshapes.io")
    kubectl("create", "rolebinding", "plain-user", "--role=jobs", "--serviceaccount=picshapes:plain-user")
    config = yaml.safe_load(Path(stack.ready["kubeconfig"]).read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", "plain-user")}
    file = tmp_path_factory.mktemp("plain-user") / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return kubectl.with_credentials(file)


def test_a_plain_user_makes_jobs_and_waits_for_them(plain_user: Kubectl, name: str) -> None:
    plain_user.apply(name)
    plain_user.wait_for(name, "condition=Complete")


def test_a_plain_user_cant_set_the_owner(plain_user: Kubectl, name: str) -> None:
    refusal = plain_user.refused("apply", "-f", "-", stdin=job_file(name, owner="somebody"))

    assert "spec.owner and the labels picshapes.io/origin and picshapes.io/archive are the API's" in refusal


@pytest.mark.parametrize("label", ["picshapes.io/origin", "picshapes.io/archive"])
def test_a_plain_user_cant_set_the_apis_labels(plain_user: Kubectl, name: str, label: str) -> None:
    job = json.loads(job_file(name))
    job["metadata"]["labels"] = {label: "api"}
    refusal = plain_user.refused("apply", "-f", "-", stdin=json.dumps(job))
    assert "picshapes.io/origin and picshapes.io/archive are the API's" in refusal

    plain_user.apply(name)
    refusal = plain_user.refused("label", "gj", name, f"{label}=api")
    assert "are changed by the PicShapes API only" in refusal


def test_a_plain_user_cant_write_a_status(plain_user: Kubectl, name: str) -> None:
    plain_user.apply(name)

    refusal = plain_user.refused(
        "patch", "gj", name, "--subresource=status", "--type=merge", "-p", '{"status": {"phase": "Completed"}}'
    )
    assert "Forbidden" in refusal

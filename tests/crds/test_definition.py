"""The custom resource definition on a real API server: what it fills in, what it refuses, and in what words."""

from typing import Any

import pytest

from picshapes_crds.cluster import JOBS, InvalidError, Json
from picshapes_crds.cluster.kube import KubeCluster


def job(name: str = "a", **spec: Any) -> Json:
    return {
        "apiVersion": "picshapes.io/v1alpha1",
        "kind": "GenerationJob",
        "metadata": {"name": name},
        "spec": spec,
    }


async def test_a_job_of_only_a_prompt_is_pending_with_the_default_model_and_tier(
    cluster: KubeCluster, namespace: str
) -> None:
    made = await cluster.create(JOBS, namespace, job(prompt="a red circle"))
    assert made["spec"] == {"prompt": "a red circle", "model": "z-image-turbo", "tier": "basic"}
    assert made["status"] == {"phase": "Pending", "attempt": 0}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.prompt: Required value"),
        ({"prompt": ""}, "spec.prompt in body should be at least 1 chars long"),
        ({"prompt": " \n\t "}, "prompt is blank: describe the picture to generate"),
        ({"prompt": "x" * 4001}, "spec.prompt: Too long: may not be more than 4000"),
        ({"prompt": "x", "width": -512}, "spec.width in body should be greater than or equal to 64"),
        ({"prompt": "x", "width": "wide"}, "spec.width in body must be of type integer"),
        ({"prompt": "x", "seed": 2**53}, "spec.seed in body should be less than or equal to 9007199254740991"),
        ({"prompt": "x", "priority": 1001}, "spec.priority in body should be less than or equal to 1000"),
        ({"prompt": "x", "outputFormat": "gif"}, 'supported values: "png", "jpeg", "webp"'),
    ],
)
async def test_a_bad_spec_is_refused_with_what_would_be_right(
    cluster: KubeCluster, namespace: str, spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidError) as refusal:
        await cluster.create(JOBS, namespace, job(**spec))
    assert message in str(refusal.value)


async def test_a_name_longer_than_63_characters_is_refused(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(InvalidError, match="name must be at most 63 characters"):
        await cluster.create(JOBS, namespace, job("a" * 64, prompt="x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": "another"}, "spec.prompt: Invalid value: prompt can't be changed after creation"),
        ({"width": 512}, "spec.width: Invalid value: width can't be changed after creation"),
        ({"seed": None}, "spec.seed: Invalid value: seed can't be changed after creation"),
        ({"tier": "pro"}, "spec.tier: Invalid value: tier can't be changed after creation"),
    ],
)
async def test_the_spec_can_be_neither_changed_added_to_nor_taken_from(
    cluster: KubeCluster, namespace: str, change: dict[str, Any], message: str
) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x", seed=1))
    with pytest.raises(InvalidError) as refusal:
        await cluster.merge_patch(JOBS, namespace, "a", {"spec": change})
    assert message in str(refusal.value)


async def test_a_cancellation_is_set_and_never_taken_back(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x"))
    await cluster.merge_patch(JOBS, namespace, "a", {"spec": {"cancelRequested": True}})
    for value in (False, None):
        with pytest.raises(InvalidError, match="a cancellation can't be taken back"):
            await cluster.merge_patch(JOBS, namespace, "a", {"spec": {"cancelRequested": value}})


async def test_the_time_to_live_stays_free_to_change(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x"))
    for value in (60, 5, None):
        await cluster.merge_patch(JOBS, namespace, "a", {"spec": {"ttlSecondsAfterFinished": value}})


async def test_nothing_leaves_a_terminal_phase(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x"))
    ended = {"status": {"phase": "Failed", "attempt": 1}}
    await cluster.merge_patch(JOBS, namespace, "a", ended, "status")
    for phase in ("Pending", "Claimed", "Processing", "Completed"):
        with pytest.raises(InvalidError, match=f"phase can't go from Failed to {phase}"):
            await cluster.merge_patch(JOBS, namespace, "a", {"status": {"phase": phase}}, "status")
    with pytest.raises(InvalidError, match="phase can't go from Failed to Pending"):
        await cluster.merge_patch(JOBS, namespace, "a", {"status": None}, "status")


async def test_an_unknown_phase_and_a_skipped_one_are_refused(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x"))
    with pytest.raises(InvalidError, match="supported values"):
        await cluster.merge_patch(JOBS, namespace, "a", {"status": {"phase": "Running"}}, "status")
    with pytest.raises(InvalidError, match="phase can't go from Pending to Completed"):
        await cluster.merge_patch(JOBS, namespace, "a", {"status": {"phase": "Completed"}}, "status")


async def test_an_attempt_never_falls(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(JOBS, namespace, job(prompt="x"))
    await cluster.merge_patch(JOBS, namespace, "a", {"status": {"phase": "Claimed", "attempt": 3}}, "status")
    with pytest.raises(InvalidError, match="attempt never falls"):
        await cluster.merge_patch(JOBS, namespace, "a", {"status": {"attempt": 2}}, "status")
    with pytest.raises(InvalidError, match="attempt never falls"):
        await cluster.merge_patch(JOBS, namespace, "a", {"status": None}, "status")

"""Pools of workers: devices, weights, rollouts, and what the operator knows of them."""

import json
from typing import Any

from .rendering import Chart


def test_the_default_pool_draws_on_the_processor_with_the_weights_in_the_image(chart: Chart) -> None:
    env = chart.render().env("worker-demo")
    assert (env["PICSHAPES_DEVICE"], env["PICSHAPES_CATALOGUE"]) == ("cpu", "demo")
    assert (env["PICSHAPES_ENGINE"], env["HF_HUB_OFFLINE"]) == ("diffusers", "1")


def test_workers_with_a_gpu_run_the_image_with_cuda_unless_a_pool_names_its_own(chart: Chart) -> None:
    pools: list[dict[str, Any]] = [
        {"name": "a"},
        {"name": "b", "gpu": {"mode": "dra"}},
        {"name": "c", "image": "mine:1"},
    ]
    release = chart.render({"workerPools": pools})
    images = [release.pod(f"worker-{one['name']}")["containers"][0]["image"] for one in pools]
    assert images == ["localhost/picshapes-worker:dev", "localhost/picshapes-worker-cuda:dev", "mine:1"]


def test_a_rollout_takes_one_worker_at_a_time_and_lets_its_job_end(chart: Chart) -> None:
    release = chart.render()
    deployment = release.find("Deployment", "worker-demo")["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert deployment["progressDeadlineSeconds"] == 3600
    assert release.pod("worker-demo")["terminationGracePeriodSeconds"] == 180
    assert release.env("worker-demo")["PICSHAPES_GRACE_S"] == "150"
    startup = release.pod("worker-demo")["containers"][0]["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    assert release.find("PodDisruptionBudget", "worker-demo")["spec"]["maxUnavailable"] == 1


def test_what_a_pool_says_counts_over_what_is_said_for_all_key_by_key(chart: Chart) -> None:
    release = chart.render("gpus")
    mig = release.pod("worker-mig")["containers"][0]
    assert mig["resources"]["limits"] == {"memory": "64Gi", "nvidia.com/mig-2g.20gb": 1}
    assert release.pod("worker-mig")["runtimeClassName"] == "nvidia"
    assert release.pod("worker-shared")["terminationGracePeriodSeconds"] == 600
    assert release.env("worker-shared")["PICSHAPES_GRACE_S"] == "570"
    none = chart.render({"workerPools": [{"name": "none", "replicas": 0, "env": []}]})
    assert none.find("Deployment", "worker-none")["spec"]["replicas"] == 0


def test_a_least_memory_becomes_an_affinity_of_one_less_as_nodes_can_only_be_asked_for_more(chart: Chart) -> None:
    terms = chart.render("gpus").pod("worker-big")["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert terms["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["39999"]}]}
    ]


def test_pools_of_gpus_put_up_with_the_taints_of_gpu_nodes_and_others_dont(chart: Chart) -> None:
    release = chart.render("gpus")
    assert [one["key"] for one in release.pod("worker-mig")["tolerations"]] == [
        "dedicated",
        "nvidia.com/gpu",
        "nvidia.com/mig-2g.20gb",
    ]
    assert "tolerations" not in chart.render().pod("worker-demo")


def test_dynamic_allocation_asks_the_device_itself_for_at_least_that_memory(chart: Chart) -> None:
    release = chart.render("gpus")
    claim = release.find("ResourceClaimTemplate", "worker-shared")
    (request,) = claim["spec"]["spec"]["devices"]["requests"]
    assert claim["apiVersion"] == "resource.k8s.io/v1"
    assert request["exactly"]["deviceClassName"] == "gpu.nvidia.com"
    assert request["exactly"]["selectors"][0]["cel"]["expression"] == (
        "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('24000Mi')) >= 0"
    )
    assert release.pod("worker-shared")["resourceClaims"] == [
        {"name": "gpu", "resourceClaimTemplateName": "picshapes-worker-shared"}
    ]
    assert release.pod("worker-shared")["containers"][0]["resources"]["claims"] == [{"name": "gpu"}]


def test_weights_come_from_where_a_pool_says(chart: Chart) -> None:
    release = chart.render("gpus")
    volumes = {
        pool: {one["name"]: one for one in release.pod(f"worker-{pool}")["volumes"]}["weights"]
        for pool in ("big", "mig", "shared")
    }
    assert volumes == {
        "big": {"name": "weights", "emptyDir": {"sizeLimit": "100Gi"}},
        "mig": {"name": "weights", "persistentVolumeClaim": {"claimName": "weights", "readOnly": True}},
        "shared": {
            "name": "weights",
            "image": {"reference": "registry.example.org/weights:1", "pullPolicy": "IfNotPresent"},
        },
    }
    big, mig = release.env("worker-big"), release.env("worker-mig")
    assert big["HF_TOKEN"] == {"secretKeyRef": {"name": "hub-token", "key": "token"}}
    assert "HF_HUB_OFFLINE" not in big
    assert (mig["HF_HUB_OFFLINE"], mig["HF_HUB_CACHE"]) == ("1", "/weights")


def test_a_pool_may_compute_in_8_bits(chart: Chart) -> None:
    release = chart.render("gpus")
    told = {name: release.env(f"worker-{name}").get("PICSHAPES_PRECISION") for name in ("big", "mig", "shared")}
    assert told == {"big": None, "mig": None, "shared": "fp8"}


def test_an_authority_of_ones_own_and_a_proxy_reach_the_workers(chart: Chart) -> None:
    release = chart.render("external")
    (container,) = release.pod("worker-demo")["containers"]
    assert release.env("worker-demo")["SSL_CERT_FILE"] == "/etc/authority/ca.crt"
    assert {"name": "authority", "mountPath": "/etc/authority", "readOnly": True} in container["volumeMounts"]
    assert {"name": "authority", "configMap": {"name": "authority"}} in release.pod("worker-demo")["volumes"]


def test_the_operator_is_told_what_each_pool_offers(chart: Chart) -> None:
    told = chart.render("gpus").env("operator")["PICSHAPES_POOLS"]
    assert json.loads(told) == [
        {"name": "big", "vram_mib": 40000, "models": ["flux-schnell", "z-image-turbo"]},
        {"name": "mig", "vram_mib": 19968, "models": ["z-image-turbo"]},
        {"name": "shared", "vram_mib": 24000},
    ]


def test_only_where_something_scales_a_pool_the_operator_marks_idle_pods_and_may(chart: Chart) -> None:
    found = {}
    for variant in ("default", "gpus"):
        release = chart.render(variant)
        rules = [rule for rule in release.find("Role", "operator")["rules"] if rule["resources"] == ["pods"]]
        policies = {one["metadata"]["name"] for one in release.of_kind("ValidatingAdmissionPolicy")}
        found[variant] = (
            release.env("operator").get("PICSHAPES_MARK_IDLE"),
            sorted(verb for rule in rules for verb in rule["verbs"]),
            "ps-picshapes-operator-pods.picshapes.io" in policies,
        )
    assert found == {
        "default": (None, ["get", "list", "watch"], False),
        "gpus": ("true", ["get", "list", "patch", "watch"], True),
    }


def test_replicas_are_left_to_what_scales_a_pool(chart: Chart) -> None:
    release = chart.render("gpus")
    have = {
        one["metadata"]["name"]: "replicas" in one["spec"]
        for one in release.of_kind("Deployment")
        if "-worker-" in one["metadata"]["name"]
    }
    assert have == {
        "picshapes-worker-big": False,
        "picshapes-worker-mig": False,
        "picshapes-worker-shared": True,
    }
    keda = release.find("ScaledObject", "worker-big")["spec"]
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (0, 8)
    assert keda["triggers"][0]["metadata"]["query"] == (
        'max(picshapes_pool_wanted_workers{namespace="ps",pool="big"})'
    )
    hpa = release.find("HorizontalPodAutoscaler", "worker-mig")["spec"]
    assert hpa["metrics"][0]["external"]["metric"]["selector"]["matchLabels"] == {"namespace": "ps", "pool": "mig"}

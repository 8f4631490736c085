"""Wrong values are refused before anything is installed, in a sentence that says what would be right."""

from typing import Any

import pytest

from .rendering import Chart

POSTGRES = {"database": {"existingSecret": {"name": "postgres", "key": "url"}}}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"api.replicas": 2}, "SQLite belongs to one process: set database.existingSecret.name"),
        ({"api.replicas": 2, **POSTGRES}, "without Redis each process would count rate limits alone"),
        ({"storage.type": "external"}, "storage.url names no store, such as s3://bucket"),
        ({"storage.url": "s3://bucket"}, "storage.type is bundled: set it to external"),
        ({"storage.jobRetentionDays": 30}, "needs a storage.retentionDays that isn't larger"),
        ({"catalogue.name": "custom"}, "catalogue.name is custom, but catalogue.custom is empty"),
        ({"catalogue.custom": "models: {}"}, "catalogue.custom is given, but catalogue.name is not custom"),
        (
            {"catalogue.name": "real"},
            "pool demo: the image holds only the demo weights, but catalogue.name is real",
        ),
        ({"api.ingress.enabled": True}, "api.ingress.host names no host"),
        ({"api.httpRoute.enabled": True}, "api.httpRoute.parentRefs names no Gateway"),
        ({"workerPools": [{"name": "a"}, {"name": "a"}]}, "workerPools names the pool a twice"),
        (
            {"workerPools": [{"name": "a", "weights": {"source": "existingClaim"}}]},
            "pool a: weights.source is existingClaim, but weights.claimName names none",
        ),
        (
            {"workerPools": [{"name": "a", "gpu": {"minMemoryMiB": 24000}}]},
            "pool a: gpu.minMemoryMiB is given, but gpu.mode is none: set it to devicePlugin or dra",
        ),
        (
            {"workerPools": [{"name": "a", "precision": "fp8"}]},
            "pool a: precision is fp8, which only GPUs have, but gpu.mode is none: set it to devicePlugin or dra",
        ),
        (
            {"workerPools": [{"name": "a", "autoscaling": {"type": "hpa"}}]},
            "pool a: an HPA can't go below 1 worker: set autoscaling.minReplicas to 1",
        ),
    ],
)
def test_values_that_dont_go_together_are_refused_with_what_to_do(
    chart: Chart, values: dict[str, Any], sentence: str
) -> None:
    assert sentence in chart.refusal(values)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"api.replicas": 0}, "/api/replicas"),
        ({"api.replica": 2}, "additional properties 'replica' not allowed"),
        ({"storage.type": "s3"}, "value must be one of 'bundled', 'external'"),
        ({"storage.url": "http://bucket"}, "/storage/url"),
        ({"workerPools": [{"replicas": 2}]}, "missing property 'name'"),
        ({"workerPools": [{"name": "A_b"}]}, "/workerPools/0/name"),
        ({"workerPools": [{"name": "a", "gpus": 1}]}, "additional properties 'gpus' not allowed"),
        ({"networkPolicy.apiServerCIDRs": ["10.0.0.1"]}, "/networkPolicy/apiServerCIDRs/0"),
        ({"image.control.digest": "latest"}, "/image/control/digest"),
        ({"jobNamespaces": ["Team_A"]}, "at '/jobNamespaces/0': 'Team_A' does not match pattern"),
        ({"jobNamespaces": ["team-a,team-b"]}, "at '/jobNamespaces/0': 'team-a,team-b' does not match pattern"),
        ({"jobNamespaces": [f"a{'b' * 63}"]}, "/jobNamespaces/0"),
        ({"jobNamespaces": [f"team-{n}" for n in range(101)]}, "maxItems: got 101, want 100"),
        ({"jobNamespaces": "team-a"}, "at '/jobNamespaces': got string, want array"),
    ],
)
def test_a_wrong_value_is_named(chart: Chart, values: dict[str, Any], where: str) -> None:
    assert where in chart.refusal(values)

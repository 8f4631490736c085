"""What `picshapes bench` reads: kube-apiserver's counter of requests, and percentiles."""

from picshapes_cli.bench.apiserver_requests import Asked, per_job, read_counts, writes
from picshapes_cli.bench.latency import percentile

METRICS = """\
# HELP apiserver_request_total Counter of apiserver requests broken out for each verb
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",group="picshapes.io",resource="generationjobs",subresource="",verb="POST"} 7
apiserver_request_total{code="409",group="picshapes.io",resource="generationjobs",subresource="",verb="POST"} 1
apiserver_request_total{code="200",group="x.io",resource="generationjobs",subresource="status",verb="PATCH"} 16
apiserver_request_total{code="200",group="coordination.k8s.io",resource="leases",subresource="",verb="PATCH"} 40
apiserver_request_total{code="200",group="",resource="pods",subresource="",verb="LIST"} 2
apiserver_request_duration_seconds_count{resource="pods",verb="LIST"} 2
"""


def test_requests_are_counted_by_verb_and_resource_over_all_answers() -> None:
    assert read_counts(METRICS) == {
        Asked("POST", "generationjobs"): 8,
        Asked("PATCH", "generationjobs/status"): 16,
        Asked("PATCH", "leases"): 40,
        Asked("LIST", "pods"): 2,
    }


def test_renewals_of_leases_and_reads_are_no_writes() -> None:
    assert writes(read_counts(METRICS)) == 24


def test_what_came_for_a_job_leaves_out_what_is_too_rare() -> None:
    counts = {Asked("POST", "generationjobs"): 8000, Asked("PATCH", "generationjobs/status"): 15999}
    assert per_job(counts | {Asked("LIST", "pods"): 2}, 8000) == {
        "PATCH generationjobs/status": 2.0,
        "POST generationjobs": 1.0,
    }


def test_a_percentile_is_a_measured_value() -> None:
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile([1, 2, 3, 4], 0.99) == 4
    assert percentile([5], 0.01) == 5

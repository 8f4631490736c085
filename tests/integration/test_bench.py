"""`picshapes bench`: the form of what it prints, not the figures, which a shared machine can't hold."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .stack import PICSHAPES


@pytest.mark.usefixtures("binaries")
def test_bench_jobs_prints_one_json_object_with_a_ratio_to_its_baseline(tmp_path: Path) -> None:
    figure = measured(tmp_path, "jobs", "--count", "10", "--workers", "1")
    assert figure["name"] == "jobs"
    assert figure["unit"] == "jobs/s"
    assert "also" not in figure


@pytest.mark.usefixtures("binaries")
def test_bench_http_prints_one_json_object_with_the_figure_of_gets_and_also_that_of_posts(tmp_path: Path) -> None:
    gets = measured(tmp_path, "http", "--count", "10")
    assert gets["name"] == "http"
    assert gets["unit"] == "GET/s"
    assert len(gets["details"]["runs"]) == 5
    assert gets["details"]["bench_cores"] > 0

    (posts,) = gets["also"]
    demand_ratio(posts)
    assert posts["name"] == "http-post"
    assert posts["unit"] == "POST/s"
    assert posts["details"]["baseline_by_in_flight"].keys() == {"16", "64", "256"}
    assert posts["details"]["apiserver_requests_a_post"]["POST generationjobs"] == 1
    assert posts["details"]["cpu_ms_a_post"].keys() >= {"api", "bench", "kube-apiserver"}


@pytest.mark.usefixtures("binaries")
def test_bench_latency_times_every_second_job_against_round_trips_of_the_same_moments(tmp_path: Path) -> None:
    ninety_ninth = measured(tmp_path, "latency", "--count", "20", "--workers", "1")
    assert ninety_ninth["name"] == "latency"
    assert ninety_ninth["details"]["claims"] == 10
    assert ninety_ninth["details"]["round_trips"] >= 1

    (median,) = ninety_ninth["also"]
    demand_ratio(median)
    assert median["name"] == "latency-p50"


@pytest.mark.usefixtures("binaries")
def test_bench_writes_counts_four_writes_a_job_none_of_them_behind_a_get(tmp_path: Path) -> None:
    writes = measured(tmp_path, "writes", "--count", "10", "--steady", "2")
    assert writes["name"] == "writes"
    assert writes["baseline"] == 4

    figures = {one["name"]: one for one in writes["also"]}
    assert figures.keys() == {"writes-kopf", "writes-gets", "writes-lists"}
    assert figures["writes-gets"]["value"] == 0
    assert figures["writes-kopf"]["baseline"] > figures["writes-kopf"]["value"]


@pytest.mark.usefixtures("binaries")
def test_bench_scale_measures_each_size_in_a_process_of_its_own(tmp_path: Path) -> None:
    sizes = ("--pending", "2000", "--workers", "20", "--most-workers", "30", "--claims", "20")
    scale = measured(tmp_path, "scale", *sizes)
    assert scale["name"] == "scale"
    assert scale["details"]["sizes"]["many pending"]["pending"] == 2000

    figures = {one["name"]: one for one in scale["also"]}
    assert figures.keys() == {"scale-memory", "scale-workers", "scale-renewals", "scale-decision"}
    assert figures["scale-memory"]["value"] > scale["details"]["costs"]["many pending"]["json_bytes"]


@pytest.mark.usefixtures("binaries")
def test_bench_restart_kills_the_operator_and_finds_no_job_claimed_twice(tmp_path: Path) -> None:
    restart = measured(tmp_path, "restart", "--live", "50", "--workers", "2")
    assert restart["name"] == "restart"
    assert restart["details"]["claims"] >= 32
    assert restart["details"]["jobs"] >= 50

    (double,) = restart["also"]
    assert double["value"] == 0
    assert double["details"]["double_claims"] == []


def measured(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark and return what it printed."""
    argv = [str(PICSHAPES), "bench", *arguments, "--json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    figure: dict[str, Any] = json.loads(done.stdout)
    demand_ratio(figure)
    return figure


def demand_ratio(figure: dict[str, Any]) -> None:
    assert figure["value"] > 0
    assert figure["baseline"] > 0
    assert figure["ratio"] == pytest.approx(figure["value"] / figure["baseline"], abs=0.001)
    assert figure["machine"]["cores"] >= 1

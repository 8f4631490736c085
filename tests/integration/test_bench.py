"""`picshapes bench`: the form of what it prints, not the figures, which a shared machine can't hold."""

import json
import subprocess
from pathlib import Path

import pytest

from .stack import PICSHAPES


@pytest.mark.usefixtures("binaries")
def test_bench_jobs_prints_one_json_object_with_a_ratio_to_its_baseline(tmp_path: Path) -> None:
    argv = [str(PICSHAPES), "bench", "jobs", "--json", "--count", "10", "--workers", "1"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr

    figure = json.loads(done.stdout)
    assert figure["name"] == "jobs"
    assert figure["unit"] == "jobs/s"
    assert figure["value"] > 0
    assert figure["baseline"] > 0
    assert figure["ratio"] == pytest.approx(figure["value"] / figure["baseline"], abs=0.001)
    assert figure["machine"]["cores"] >= 1

"""Rounds of jobs through the worker's own stages, as `picshapes bench gpu` measures them."""

import subprocess
import sys
from pathlib import Path

import pytest

from picshapes_cli.bench.gpu_start import StartFailedError, bench_start, first_line_s
from picshapes_cli.bench.gpu_worker import Asked, BenchedWorker, JobFailedError
from picshapes_crds.catalogue import Catalogue
from picshapes_worker.device import Device
from picshapes_worker.engine import OnStep, Request
from picshapes_worker.engines.null import GreyPixel, NullEngine

CPU = Device("cpu", "test", 1024)
ASKED = Asked("flux-schnell", 64, 4)


def pictures(folder: Path) -> int:
    return len(list(folder.rglob("1.png")))


async def test_a_round_makes_its_pictures_and_sees_the_gaps_between_them(tmp_path: Path) -> None:
    worker = BenchedWorker(NullEngine(step_s=0.001), CPU, Catalogue.load("demo"), tmp_path)
    seen = await worker.round(ASKED, 5)
    worker.close()

    assert seen.pictures == 5
    assert len(seen.gaps_s) == 4
    assert all(gap > 0 for gap in seen.gaps_s)
    assert seen.seconds > sum(seen.gaps_s)
    assert pictures(tmp_path) == 5


class BadPicture(GreyPixel):
    """A picture that can not be encoded."""

    def encode(self, *_: object) -> bytes:
        raise ValueError("no such picture")


class FailingEngine(NullEngine):
    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        super().generate(request, on_step)
        return BadPicture()


async def test_a_job_that_fails_fails_the_benchmark(tmp_path: Path) -> None:
    worker = BenchedWorker(FailingEngine(), CPU, Catalogue.load("demo"), tmp_path)
    with pytest.raises(JobFailedError, match="jobs ended Failed"):
        await worker.round(ASKED, 2)
    worker.close()


async def test_every_kind_of_start_draws_its_first_picture() -> None:
    told: list[str] = []
    figure = await bench_start(Catalogue.load("demo"), ASKED, "cpu", 1, told.append)

    starts = figure.details["starts"]
    assert len(starts) == len(told) == 1
    assert min(starts[0]) > 0
    assert figure.baseline == pytest.approx(starts[0][0], abs=0.01)
    assert figure.value == pytest.approx(starts[0][2], abs=0.01)


async def test_a_start_that_draws_nothing_fails_the_benchmark_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(StartFailedError, match="no weights here"):
        await first_line_s(["-c", "print('drawn'); raise SystemExit('no weights here')"], tmp_path)
    with pytest.raises(StartFailedError, match="python -c  ended with 0"):
        await first_line_s(["-c", ""], tmp_path)


def test_8_bits_where_there_are_none_end_the_benchmark_with_a_sentence() -> None:
    program = "from picshapes_cli.main import app; app()"
    argv = [sys.executable, "-c", program, "bench", "gpu", "--device", "cpu", "--fp8"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False)

    assert ended.returncode == 1
    assert "PICSHAPES_PRECISION=fp8 needs a card of compute capability 8.9" in ended.stderr
    assert "Traceback" not in ended.stderr

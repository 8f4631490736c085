"""What the worker's tests share: surroundings in memory, a worker at work in them, weights."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.worker.desk import Desk, Gate, Script
from tests.worker.memory import HandClock, MemoryCluster, make_context

from picshapes_worker.context import WorkerContext
from picshapes_worker.engine_host import InlineHost
from picshapes_worker.engines.null import NullEngine


@pytest.fixture
def memory() -> MemoryCluster:
    """An API server in memory."""
    return MemoryCluster()


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by sleeps only."""
    return HandClock()


@pytest.fixture
def context(memory: MemoryCluster, clock: HandClock, tmp_path: Path) -> WorkerContext:
    """The surroundings of a worker with the null engine, storing into `tmp_path`."""
    return make_context(memory, tmp_path, clock, InlineHost(NullEngine()))


@pytest.fixture
def engine() -> Script:
    return Script()


@pytest.fixture
def desk(memory: MemoryCluster, tmp_path: Path, clock: HandClock, engine: Script) -> Desk:
    limits: dict[str, int] = {}
    return Desk(make_context(memory, tmp_path, clock, InlineHost(engine), limits), memory, limits)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def slow(memory: MemoryCluster, tmp_path: Path, clock: HandClock, gate: Gate) -> Desk:
    return Desk(make_context(memory, tmp_path, clock, gate), memory, {})


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both demo models with random weights: a folder with one of diffusers' folders a model."""
    folder = tmp_path_factory.mktemp("random-weights")
    # In a process of its own: it warns, and torch is not for tests that need no picture.
    argv = [sys.executable, "-m", "training.random_weights", str(folder)]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return folder

"""PicShapes as users run it: `picshapes up` with every part in its own process, kubectl, the command line."""

from collections.abc import Generator, Iterator

import pytest

from picshapes_cli.controlplane.binaries import Binaries

from . import stack as stacks
from .kubectl import Kubectl
from .stack import Launcher, Stack

SMALL_DEVICE = {"PICSHAPES_VRAM_MIB": "800", "PICSHAPES_NULL_STEP_S": "0.1"}
"""Workers that fit the default job (589 MiB) and not one of the pro tier (875 MiB); 100 steps take them 10 s."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of all logs with a test that failed."""
    report = yield
    if report.failed:
        report.sections += [(f"{one.folder}: {name}", text) for one in stacks.running for name, text in one.logs()]
    return report


def _launcher(factory: pytest.TempPathFactory, binaries: Binaries) -> Launcher:
    assert binaries.kubectl is not None
    return Launcher(factory.mktemp("up"), binaries.kubectl)


@pytest.fixture
def launcher(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Launcher:
    """Starts `picshapes up` in a folder of this test."""
    return _launcher(tmp_path_factory, binaries)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, binaries: Binaries) -> Iterator[Stack]:
    """Everything, with two workers that make no pictures: for tests that leave it as they found it."""
    options = ("--engine", "null", "--workers", "2")
    with _launcher(tmp_path_factory, binaries).up(*options, settings=SMALL_DEVICE) as started:
        yield started


@pytest.fixture(scope="session")
def kubectl(stack: Stack) -> Kubectl:
    """kubectl as the admin of the shared stack."""
    return stack.kubectl

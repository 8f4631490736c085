"""Parts as processes of the test, on a real control plane: killed, paused and cut off at will."""

from collections.abc import AsyncIterator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import pytest

from picshapes_cli.controlplane.server import ControlPlane
from picshapes_crds.cluster.kube import KubeCluster

from . import installation as installations
from .installation import Installation, Surroundings


class Install(Protocol):
    """Prepares an installation in a namespace of its own."""

    def __call__(
        self, namespace: str, step_s: float, operators: tuple[str, ...] = ("operator",)
    ) -> AbstractAsyncContextManager[Installation]:
        """The engines take so many seconds a step; each of the operators has a gate of its own."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of all logs with a test that failed."""
    report = yield
    if report.failed:
        found = [(one.namespace, *log) for one in installations.running for log in one.logs()]
        report.sections += [(f"{namespace}: {name}", text) for namespace, name, text in found]
    return report


@pytest.fixture(scope="session")
def install(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Install:
    @asynccontextmanager
    async def prepared(
        namespace: str, step_s: float, operators: tuple[str, ...] = ("operator",)
    ) -> AsyncIterator[Installation]:
        async with await KubeCluster.connect(control_plane.admin_kubeconfig) as cluster:
            folder = tmp_path_factory.mktemp(namespace)
            around = Surroundings(control_plane, cluster, namespace, folder, step_s, operators)
            async with Installation.on(around) as installation:
                yield installation

    return prepared

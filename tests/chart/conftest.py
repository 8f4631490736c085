"""The chart as helm renders it, for each file of values in `values/` and for none."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.server import ControlPlane

from .helm_program import ensure_helm
from .powers import Powers, granted
from .promtool_program import ensure_promtool
from .rendering import Chart


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build helm and promtool before the first test that needs them: minutes, with progress to be seen."""
    if session.config.option.collectonly:
        return
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        if "chart" in asked:
            ensure_helm()
        if "promtool" in asked:
            ensure_promtool()


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """The chart of the checkout."""
    root = Path(__file__).parents[2]
    return Chart(ensure_helm(), root / "charts" / "picshapes", tmp_path_factory.mktemp("helm"))


Grant = Callable[[dict[str, Any]], AbstractContextManager[Powers]]


@pytest.fixture(scope="module")
def grant(
    chart: Chart,
    control_plane: ControlPlane,
    definition: None,  # noqa: ARG001 - jobs must be known
    binaries: Binaries,
    tmp_path_factory: pytest.TempPathFactory,
) -> Grant:
    """Gives the parts what the chart gives them with these values, for as long as a block lasts."""
    return lambda values: granted(chart, control_plane, binaries, tmp_path_factory.mktemp("power"), values)

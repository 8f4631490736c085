"""The chart as helm renders it, for each file of values in `values/` and for none."""

from pathlib import Path

import pytest

from .helm_program import ensure_helm
from .rendering import Chart


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build helm before the first test that needs it: a minute or more, with progress to be seen."""
    asked = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if "chart" in asked and not session.config.option.collectonly:
        with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            ensure_helm()


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """The chart of the checkout."""
    root = Path(__file__).parents[2]
    return Chart(ensure_helm(), root / "charts" / "picshapes", tmp_path_factory.mktemp("helm"))

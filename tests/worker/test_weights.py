"""Where weights lie, and how they come there."""

from pathlib import Path

import pytest
from tests.worker.small_hub import REPO, REVISION, SmallHub

from picshapes_crds.catalogue import Catalogue, Weights
from picshapes_worker.hub import Hub, HubFetchError
from picshapes_worker.weights import Source, at_hand, locate, weights_root

DEMO = Catalogue.load("demo").models
FROM_HUB = DEMO["flux-schnell"].model_copy(update={"weights": Weights(repo=REPO, revision=REVISION)})


def test_models_of_a_hub_go_where_the_settings_say_else_to_the_hubs_cache_else_to_the_users() -> None:
    assert weights_root(Path("/weights"), {"HF_HUB_CACHE": "/cache"}) == Path("/weights")
    assert weights_root(None, {"HF_HUB_CACHE": "/cache"}) == Path("/cache")
    assert weights_root(None, {}) == Path.home() / ".cache" / "picshapes" / "weights"


def test_what_came_from_a_hub_is_a_local_folder_from_then_on(tmp_path: Path) -> None:
    models = {"flux-schnell": FROM_HUB, "z-image-turbo": DEMO["z-image-turbo"]}
    with SmallHub() as server:
        here = at_hand(["flux-schnell", "z-image-turbo"], models, tmp_path, Hub(server.url), lambda _: None)
    folder = tmp_path / "flux-schnell" / "0123456789ab"

    assert locate("flux-schnell", here["flux-schnell"].weights) == Source(str(folder))
    assert here["z-image-turbo"] == DEMO["z-image-turbo"]
    again = at_hand(["flux-schnell"], models, tmp_path, Hub("http://nowhere.invalid"), lambda _: None)
    assert again["flux-schnell"] == here["flux-schnell"]


def test_offline_and_not_there_says_how_to_fill_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubFetchError, match=r"is not there offline .*fill the folder with `picshapes"):
        at_hand(["flux-schnell"], {"flux-schnell": FROM_HUB}, tmp_path, Hub("http://127.0.0.1:9"), lambda _: None)

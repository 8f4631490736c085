"""Where a model's weights lie, as `from_pretrained` wants it: a local folder, or a hub repository and revision.

A worker brings what lies on a hub into a folder first (`at_hand`), so that its engine never waits for a network.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from picshapes_crds.catalogue import Model, Weights
from picshapes_worker.engine import ModelUnavailableError
from picshapes_worker.hub import Hub
from picshapes_worker.pulling import Tell, pull

INDEX_FILE = "model_index.json"
"""The file at the top of every pipeline in diffusers' folder format."""


@dataclass(frozen=True)
class Source:
    """The first argument of `from_pretrained`, and the revision when it names a hub repository."""

    name: str
    revision: str | None = None


def locate(model: str, weights: Weights) -> Source:
    """Return the source of a model's weights; raises `ModelUnavailableError` naming a folder that isn't right."""
    if weights.repo is not None:
        return Source(weights.repo, weights.revision)
    path = Path(weights.path or "")
    folder = Path(str(files(weights.package) / str(path))) if weights.package else path
    if not folder.is_dir():
        raise ModelUnavailableError(f"the weights of {model} are missing: there is no folder {folder}")
    if not (folder / INDEX_FILE).is_file():
        raise ModelUnavailableError(f"the folder {folder} holds no weights of {model}: it has no {INDEX_FILE}")
    return Source(str(folder))


def weights_root(chosen: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for models of a hub."""
    cache = environment.get("HF_HUB_CACHE")
    return chosen or (Path(cache) if cache else Path.home() / ".cache" / "picshapes" / "weights")


def at_hand(
    chosen: Sequence[str], models: Mapping[str, Model], root: Path, hub: Hub, tell: Tell
) -> dict[str, Model]:
    """Bring the weights of the chosen models into folders, and return the models as they lie there.

    Blocks for as long as the network takes. Raises `HubFetchError`.
    """
    return {model: _at_hand(model, models[model], root, hub, tell) for model in chosen}


def _at_hand(model: str, entry: Model, root: Path, hub: Hub, tell: Tell) -> Model:
    if entry.weights.repo is None:
        return entry
    folder = pull(model, entry.weights, root, hub, tell)
    return entry.model_copy(update={"weights": Weights(path=str(folder))})

"""Where a model's weights lie, as `from_pretrained` wants it: a local folder, or a hub repository and revision."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from picshapes_crds.catalogue import Weights
from picshapes_worker.engine import ModelUnavailableError

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

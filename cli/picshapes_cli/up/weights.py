"""Finds the demo weights. Where the trained ones are not there, random ones of the same shape stand in."""

import hashlib
import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import yaml

from picshapes_cli.up.errors import UpError
from picshapes_crds.catalogue import packaged

STAND_IN: Final = "training.random_weights"
TIMEOUT_S: Final = 300.0


class WeightsMissingError(UpError):
    """There are no demo weights and no way to make a stand-in."""

    code = "WEIGHTS_MISSING"


def demo_catalogue(target: Path) -> str:
    """Return the catalogue to be used for the demo: `demo` itself, or a copy at `target` with other weights.

    Blocks for some seconds when the stand-in has to be made. Raises `WeightsMissingError`.
    """
    catalogue = yaml.safe_load(packaged("demo"))
    places = [model["weights"] for model in catalogue["models"].values()]
    if all((files(place["package"]) / place["path"] / "model_index.json").is_file() for place in places):
        return "demo"
    folder = _stand_in()
    for name, model in catalogue["models"].items():
        model["weights"] = {"path": str(folder / name)}
    target.write_text(yaml.safe_dump(catalogue, sort_keys=False), encoding="utf-8")
    return str(target)


def _stand_in() -> Path:
    """Return the folder of random weights, made once and cached by the source that makes them."""
    spec = find_spec("training")
    if spec is None or spec.submodule_search_locations is None:
        raise WeightsMissingError("the demo weights are missing from this installation: install PicShapes again")
    source = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(source.glob("*.py")))).hexdigest()[:16]
    base = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    folder = cache / "picshapes" / "random-weights" / digest
    if not folder.exists():
        draft = folder.with_name(f"{digest}.{os.getpid()}")
        argv = [sys.executable, "-m", STAND_IN, str(draft)]
        made = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 - our own module
        if made.returncode:
            raise WeightsMissingError(f"could not make stand-in weights:\n{made.stderr[-2000:]}")
        draft.rename(folder)
    return folder

"""helm as a user runs it: what it renders, as objects, and what it refuses, as text."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

LIMIT_S: Final = 120.0
VALUES: Final = Path(__file__).parent / "values"
VARIANTS: Final = ("default", "external", "gpus", "everything", "bare")

Object = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What the chart renders to, by kind and name; names are those without the release's own name before them."""

    objects: list[Object]

    def of_kind(self, kind: str) -> list[Object]:
        """Return all objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def find(self, kind: str, name: str) -> Object:
        """Return the one object of this kind and name."""
        (found,) = [one for one in self.of_kind(kind) if one["metadata"]["name"] == f"picshapes-{name}"]
        return found

    def pod(self, name: str) -> Object:
        """Return the spec of a Deployment's pods."""
        spec: Object = self.find("Deployment", name)["spec"]["template"]["spec"]
        return spec

    def env(self, name: str) -> dict[str, Any]:
        """Return the variables of a Deployment's container: their values, or where those come from."""
        variables = self.pod(name)["containers"][0]["env"]
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in variables}


@dataclass(frozen=True)
class Chart:
    """The chart in `folder`, and helm, which keeps its own files in `home`."""

    helm: Path
    folder: Path
    home: Path
    _rendered: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run helm, whatever comes of it."""
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        # A kubeconfig of the machine's is nobody's business here.
        env = os.environ | homes | {"KUBECONFIG": os.devnull}
        return subprocess.run(
            [self.helm, *words], env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def text(self, values: Object | str = "default", release: str = "picshapes", namespace: str = "ps") -> str:
        """Return what helm renders for these values, or for a file of `values/`."""
        key = json.dumps([values, release, namespace])
        if key not in self._rendered:
            done = self._template(values, release, namespace)
            assert done.returncode == 0, done.stderr
            self._rendered[key] = done.stdout
        return self._rendered[key]

    def render(
        self, values: Object | str = "default", release: str = "picshapes", namespace: str = "ps"
    ) -> Release:
        """Return the objects that helm renders."""
        objects = yaml.load_all(self.text(values, release, namespace), Loader=yaml.CSafeLoader)
        return Release([one for one in objects if one])

    def refusal(self, values: Object) -> str:
        """Return why helm refuses these values."""
        done = self._template(values, "picshapes", "ps")
        assert done.returncode != 0, "the values were let through"
        return done.stderr

    def _template(self, values: Object | str, release: str, namespace: str) -> subprocess.CompletedProcess[str]:
        words: list[str | Path] = ["template", release, self.folder, "--namespace", namespace]
        if isinstance(values, dict):
            words += [word for key, one in values.items() for word in ("--set-json", f"{key}={json.dumps(one)}")]
        elif values != "default":
            words += ["--values", VALUES / f"{values}.yaml"]
        return self.run(*words)

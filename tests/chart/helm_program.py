"""The helm that the tests run."""

from pathlib import Path
from typing import Final

from .go_program import GoProgram, Pins, ensure

MODULE: Final = "helm.sh/helm/v3"


def ensure_helm() -> Path:
    """Return helm, building it when it is missing (a minute or two, with progress on stderr)."""
    return ensure(GoProgram("helm", MODULE, f"{MODULE}/cmd/helm", Path(__file__).parent / "helm_build", _settings))


def _settings(pins: Pins) -> dict[str, str]:
    # What helm believes the cluster to be where it asks none: `helm template` and `helm lint`.
    minor = str(pins.version("k8s.io/client-go").minor)
    assumed = {
        f"{MODULE}/pkg/{package}.k8sVersion{part}": number
        for package in ("chartutil", "lint/rules")
        for part, number in (("Major", "1"), ("Minor", minor))
    }
    return {f"{MODULE}/internal/version.version": pins.text(MODULE), **assumed}

"""Which versions the control plane wants and accepts. Pure; the pins are those of build/go.mod."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_VERSION = re.compile(r"(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?")


class Tool(StrEnum):
    """A program of the control plane; the value is its file name."""

    ETCD = "etcd"
    KUBE_APISERVER = "kube-apiserver"
    KUBECTL = "kubectl"


class Version(NamedTuple):
    """A release; pre-release and build suffixes don't count here."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Pins:
    """What build/go.mod asks for."""

    kubernetes: Version
    go: Version  # the least Go release that can build it


OLDEST_ETCD = Version(3, 6, 0)  # what Kubernetes 1.37 is tested with, and the one before
VERSION_ARGUMENTS: dict[Tool, tuple[str, ...]] = {
    Tool.ETCD: ("--version",),
    Tool.KUBE_APISERVER: ("--version",),
    Tool.KUBECTL: ("version", "--client"),
}


def parse_version(text: str) -> Version | None:
    """Return the first version in a program's answer, such as "Kubernetes v1.37.2"; None if there is none."""
    found = _VERSION.search(text)
    return Version(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def read_pins(go_mod: str) -> Pins:
    """Read the pins from the text of a go.mod. Raises ValueError when one is missing."""
    kubernetes = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", go_mod, re.MULTILINE)
    go = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    if kubernetes is None or go is None:
        raise ValueError("go.mod names no k8s.io/kubernetes or no go version")
    return Pins(kubernetes=_must_parse(kubernetes[1]), go=_must_parse(go[1]))


def objection(tool: Tool, version: Version, kubernetes: Version) -> str | None:
    """Say why `version` of `tool` can't serve beside that Kubernetes release; None when it can."""
    if tool is Tool.ETCD:
        return None if version >= OLDEST_ETCD else f"etcd {OLDEST_ETCD} or newer is needed"
    if version.major != kubernetes.major:
        return f"Kubernetes {kubernetes.major} is needed"
    if tool is Tool.KUBECTL:  # Kubernetes supports kubectl one minor release either way
        distance = abs(version.minor - kubernetes.minor)
        return None if distance <= 1 else f"kubectl within one release of {_minor(kubernetes)} is needed"
    return None if version.minor == kubernetes.minor else f"{_minor(kubernetes)} is needed"


def _minor(version: Version) -> str:
    return f"{version.major}.{version.minor}"


def _must_parse(text: str) -> Version:
    version = parse_version(text)
    if version is None:
        raise ValueError(f"not a version: {text!r}")
    return version

"""The file that tells kubectl and every Kubernetes client where the API server is and who they are."""

import base64
from dataclasses import dataclass
from pathlib import Path

import yaml

from picshapes_cli.controlplane.private_files import write_private_file

_NAME = "picshapes"


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """What a client needs: the server's URL, the authority it trusts, and its bearer token."""

    url: str
    ca_pem: bytes
    token: str
    namespace: str = "default"


def render_kubeconfig(access: ClientAccess) -> str:
    """Return a kubeconfig with one context, whose default namespace is `access.namespace`."""
    ca = base64.b64encode(access.ca_pem).decode()
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": _NAME, "cluster": {"server": access.url, "certificate-authority-data": ca}},
            ],
            "users": [{"name": _NAME, "user": {"token": access.token}}],
            "contexts": [
                {
                    "name": _NAME,
                    "context": {"cluster": _NAME, "user": _NAME, "namespace": access.namespace},
                },
            ],
            "current-context": _NAME,
        },
        sort_keys=False,
    )


def write_kubeconfig(path: Path, access: ClientAccess) -> None:
    """Write the kubeconfig to `path`, readable by its owner alone."""
    write_private_file(path, render_kubeconfig(access).encode())

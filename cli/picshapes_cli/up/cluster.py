"""Prepares a cluster for the parts: definition, policies, namespace, roles, and credentials for each part.

On the control plane of its own, each part shows a token of its own and RBAC holds it to its role. On an
existing cluster the API and the operator use the person's kubeconfig. Workers always have tokens bound to their
pods.
"""

from collections.abc import Sequence
from typing import Final

from picshapes_cli.controlplane.credentials import User
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all, install
from picshapes_crds.part_policies import worker_policies
from picshapes_crds.roles import access

OPERATOR: Final = User("picshapes-operator")
API: Final = User("picshapes-api")
WORKER_ACCOUNT: Final = "picshapes-worker"


def _user_subject(user: User) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}


def namespace_objects(namespace: str, neighbours: Sequence[str] = ()) -> list[Json]:
    """Return what the parts need in their namespace and in further ones, whose jobs they look after, too."""
    account = {"kind": "ServiceAccount", "name": WORKER_ACCOUNT, "namespace": namespace}
    return [
        *(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}}
            for one in (namespace, *neighbours)
        ),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": WORKER_ACCOUNT, "namespace": namespace},
            "automountServiceAccountToken": False,
        },
        *access("api", _user_subject(API), namespace, neighbours),
        *access("operator", _user_subject(OPERATOR), namespace, neighbours),
        *access("worker", account, namespace, neighbours),
        *worker_policies(namespace, WORKER_ACCOUNT, name=f"worker-{namespace}"),
    ]


async def prepare(cluster: KubeCluster, namespace: str, clock: Clock, neighbours: Sequence[str] = ()) -> None:
    """Install everything on the cluster. Raises `ClusterError` when these credentials may not."""
    await install(cluster, clock)
    await apply_all(cluster, namespace_objects(namespace, neighbours))

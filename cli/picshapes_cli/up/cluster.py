"""Prepares a cluster for the parts: definition, policies, namespace, roles, and credentials for each part.

On the control plane of its own, each part shows a token of its own and RBAC holds it to its role. On an
existing cluster the API and the operator use the person's kubeconfig. Workers always have tokens bound to their
pods.
"""

from typing import Final

from picshapes_cli.controlplane.credentials import User
from picshapes_crds.admission import worker_policies
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all, install
from picshapes_crds.roles import role, role_binding

OPERATOR: Final = User("picshapes-operator")
API: Final = User("picshapes-api")
WORKER_ACCOUNT: Final = "picshapes-worker"


def _user_subject(user: User) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user.name}


def namespace_objects(namespace: str) -> list[Json]:
    """Return what the parts need in their namespace, roles for the parts' own users included."""
    account = {"kind": "ServiceAccount", "name": WORKER_ACCOUNT, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": WORKER_ACCOUNT, "namespace": namespace},
            "automountServiceAccountToken": False,
        },
        *(role(part, namespace) for part in ("api", "operator", "worker")),
        role_binding("api", namespace, _user_subject(API)),
        role_binding("operator", namespace, _user_subject(OPERATOR)),
        role_binding("worker", namespace, account),
        *worker_policies(namespace, WORKER_ACCOUNT, name=f"worker-{namespace}"),
    ]


async def prepare(cluster: KubeCluster, namespace: str, clock: Clock) -> None:
    """Install everything on the cluster. Raises `ClusterError` when these credentials may not."""
    await install(cluster, clock)
    await apply_all(cluster, namespace_objects(namespace))

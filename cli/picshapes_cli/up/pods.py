"""Plays the kubelet for workers that are processes of this machine: a Pod object for each, and its readiness.

A pod names a scheduler that does not exist, so on any cluster nobody places it on a node or ends it. The worker's
token is bound to the pod, so the policies that hold a worker to its own pod and jobs are in force here as well.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog
import yaml

from picshapes_cli.controlplane.private_files import write_private_file
from picshapes_cli.up.cluster import WORKER_ACCOUNT
from picshapes_crds.clock import Clock, rfc3339
from picshapes_crds.cluster import LEASES, PODS, ClusterError, ConflictError, Json, NotFoundError, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER

LOCAL_LABEL: Final = "picshapes.io/local"
TOKEN_LIFE_S: Final = 31_536_000
"""A year; a cluster may grant less."""
LEAVE_S: Final = 5.0

log = structlog.get_logger(__name__)


def pod_body(name: str) -> Json:
    """Return the Pod of a worker process; it satisfies the restricted Pod Security Standard."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {COMPONENT_LABEL: COMPONENT_WORKER, LOCAL_LABEL: "true"}},
        "spec": {
            "schedulerName": "picshapes-up",
            "serviceAccountName": WORKER_ACCOUNT,
            "automountServiceAccountToken": False,
            "containers": [
                {"name": "worker", "image": "picshapes.io/local-process", "securityContext": restricted}
            ],
        },
    }


class WorkerPods:
    """The Pod objects of this machine's workers in one namespace."""

    def __init__(self, cluster: KubeCluster, namespace: str, clock: Clock) -> None:
        self._cluster, self._namespace, self._clock = cluster, namespace, clock

    async def clear(self) -> None:
        """Delete the pods of earlier runs, whose processes are gone."""
        scope = Scope(self._namespace, label_selector=f"{LOCAL_LABEL}=true")
        for pod in (await self._cluster.list_all(PODS, scope, metadata_only=True)).items:
            await self.delete(pod["metadata"]["name"], pod["metadata"]["uid"])

    async def leave(self) -> None:
        """Delete the pods at the end of a run; a cluster that is gone must not keep it from ending."""
        try:
            async with asyncio.timeout(LEAVE_S):
                await self.clear()
        except (ClusterError, TimeoutError) as error:
            log.warning("pods.left", namespace=self._namespace, error=repr(error))

    async def create(self, name: str) -> Json:
        """Create a worker's pod."""
        return await self._cluster.create(PODS, self._namespace, pod_body(name))

    async def delete(self, name: str, uid: str) -> None:
        """Delete a worker's pod and its Lease, as far as they are still there.

        Where a controller manager runs, the Lease would go with the pod that owns it; here none does.
        """
        try:
            await self._cluster.delete(PODS, self._namespace, name, uid, grace_s=0)
            lease = await self._cluster.get(LEASES, self._namespace, name)
            await self._cluster.delete(LEASES, self._namespace, name, lease["metadata"]["uid"])
        except (NotFoundError, ConflictError):
            return

    async def report(self, name: str, *, ready: bool) -> None:
        """Say that the pod's process runs, and whether it is ready."""
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        status = {"phase": "Running", "conditions": [condition]}
        await self._cluster.merge_patch(PODS, self._namespace, name, {"status": status}, "status")

    async def token(self, pod: Json) -> str:
        """Request a token of the workers' account that is bound to this pod and ends with it."""
        return await self._cluster.request_token(pod, WORKER_ACCOUNT, TOKEN_LIFE_S)


def worker_kubeconfig(source: Path, target: Path, token: str) -> None:
    """Write the kubeconfig of a worker: the cluster of another one's current context, and its own token."""
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    contexts = {context["name"]: context["context"] for context in config["contexts"]}
    context = contexts[config["current-context"]]
    cluster = next(one for one in config["clusters"] if one["name"] == context["cluster"])
    name = "worker"
    own = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {**context, "user": name}}],
        "current-context": name,
    }
    write_private_file(target, yaml.safe_dump(own, sort_keys=False).encode())

"""Admission policies on what parts may write beside jobs, where RBAC alone is too coarse; each for one account."""

from typing import Any, Final

from picshapes_crds.admission import HAS_POD_NAME, POD_NAME, policy
from picshapes_crds.names import DELETION_COST_ANNOTATION, GROUP

_PODS: Final = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"]}
_SAME_POD: Final = (
    "object.spec == oldObject.spec && "
    "object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences && "
    "object.metadata.?finalizers == oldObject.metadata.?finalizers"
)


def _is(namespace: str, service_account: str) -> str:
    return f"request.userInfo.username == 'system:serviceaccount:{namespace}:{service_account}'"


def worker_policies(namespace: str, service_account: str, name: str = "worker") -> list[dict[str, Any]]:
    """Return the policies that keep a worker's token to its own pod's labels and its own Lease."""
    is_worker = _is(namespace, service_account)
    own = f"{HAS_POD_NAME} && {POD_NAME} == object.metadata.name"
    labels = "{}.metadata.?labels.orValue({{}})"
    pods = policy(
        f"{name}-pods.{GROUP}",
        [_PODS],
        [is_worker],
        [
            (own, "a worker may change only its own pod"),
            (
                f"{_SAME_POD} && object.metadata.?annotations == oldObject.metadata.?annotations",
                "a worker may change only labels of its pod",
            ),
            (
                (
                    f"{labels.format('object')}.all(k, k.contains('{GROUP}/')"
                    f" || {labels.format('oldObject')}[?k] == optional.of(object.metadata.labels[k]))"
                    f" && {labels.format('oldObject')}.all(k, k.contains('{GROUP}/')"
                    f" || k in {labels.format('object')})"
                ),
                f"a worker may change only labels of {GROUP}",
            ),
        ],
    )
    leases = policy(
        f"{name}-leases.{GROUP}",
        [
            {
                "apiGroups": ["coordination.k8s.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["leases"],
            }
        ],
        [is_worker],
        [
            (
                f"{HAS_POD_NAME} && {POD_NAME} == request.name",
                "a worker may write only the Lease of its own pod's name",
            )
        ],
    )
    return pods + leases


def operator_policies(namespace: str, service_account: str, name: str = "operator") -> list[dict[str, Any]]:
    """Return the policies that keep the operator's right to patch pods to their deletion cost."""
    annotations = "{}.metadata.?annotations.orValue({{}})"
    cost = f"k == '{DELETION_COST_ANNOTATION}'"
    return policy(
        f"{name}-pods.{GROUP}",
        [_PODS],
        [_is(namespace, service_account)],
        [
            (
                (
                    f"{_SAME_POD} && object.metadata.?labels == oldObject.metadata.?labels"
                    f" && {annotations.format('object')}.all(k, {cost}"
                    f" || {annotations.format('oldObject')}[?k] == optional.of(object.metadata.annotations[k]))"
                    f" && {annotations.format('oldObject')}.all(k, {cost}"
                    f" || k in {annotations.format('object')})"
                ),
                "the operator may change only the deletion cost of a pod",
            )
        ],
    )

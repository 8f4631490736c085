"""What each part may do: RBAC rules, least power, one source for the embedded control plane and the chart.

Admission policies (`admission.py`) narrow them further where a rule by kind and verb is too coarse.
"""

from typing import Any, Final

from picshapes_crds.admission import OWNER_RESOURCE, OWNER_VERB, WRITE_ANY_VERB
from picshapes_crds.names import GROUP, PLURAL

Rules = list[dict[str, Any]]


def _rule(group: str, resources: str, verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


API_RULES: Final[Rules] = [
    _rule(GROUP, PLURAL, "get list watch create patch delete"),
    _rule(GROUP, OWNER_RESOURCE, OWNER_VERB),
    # Which models have live workers; and the Lease by which one process mirrors.
    _rule("", "pods", "get list watch"),
    _rule("coordination.k8s.io", "leases", "get list watch create update patch"),
]

OPERATOR_RULES: Final[Rules] = [
    _rule(GROUP, PLURAL, "get list watch delete"),
    _rule(GROUP, f"{PLURAL}/status", f"patch {WRITE_ANY_VERB}"),
    _rule("", "pods", "get list watch"),
    _rule("events.k8s.io", "events", "create"),
    _rule("coordination.k8s.io", "leases", "get list watch create update patch"),
]

OPERATOR_CLUSTER_RULES: Final[Rules] = [_rule("", "nodes", "list watch")]
"""Which nodes are cordoned: for a ClusterRole, as nodes have no namespace. Without it cordons are not heeded."""

OPERATOR_SCALING_RULES: Final[Rules] = [_rule("", "pods", "patch")]
"""To mark the pods of idle workers where pools are autoscaled; `operator_policies` keep it to that annotation."""

WORKER_RULES: Final[Rules] = [
    _rule(GROUP, PLURAL, "get list watch"),
    _rule(GROUP, f"{PLURAL}/status", "patch"),
    _rule("", "pods", "get patch"),
    _rule("coordination.k8s.io", "leases", "get create patch"),
]

PARTS: Final[dict[str, Rules]] = {"api": API_RULES, "operator": OPERATOR_RULES, "worker": WORKER_RULES}


def role(part: str, namespace: str) -> dict[str, Any]:
    """Return the Role of a part (`api`, `operator`, `worker`) in the namespace where it works."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": f"picshapes-{part}", "namespace": namespace},
        "rules": PARTS[part],
    }


def role_binding(part: str, namespace: str, subject: dict[str, str]) -> dict[str, Any]:
    """Return the RoleBinding that gives a part's Role to a user or service account."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"picshapes-{part}", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"picshapes-{part}"},
        "subjects": [subject],
    }

"""What each part may do: RBAC rules, least power, one source for the embedded control plane and the chart.

Admission policies (`admission.py`) narrow them further where a rule by kind and verb is too coarse.
"""

from collections.abc import Iterable
from typing import Any, Final

from picshapes_crds.admission import OWNER_RESOURCE, OWNER_VERB, WRITE_ANY_VERB
from picshapes_crds.cluster import Json
from picshapes_crds.names import GROUP, PLURAL

Rules = list[dict[str, Any]]


def _rule(group: str, resources: str, verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


API_RULES: Final[Rules] = [
    _rule(GROUP, PLURAL, "create patch delete"),
    _rule(GROUP, OWNER_RESOURCE, OWNER_VERB),
    # Which models have live workers; and the Lease by which one process mirrors.
    _rule("", "pods", "get list watch"),
    _rule("coordination.k8s.io", "leases", "get list watch create update patch"),
]

OPERATOR_RULES: Final[Rules] = [
    _rule("", "pods", "get list watch"),
    _rule("coordination.k8s.io", "leases", "get list watch create update patch"),
]

OPERATOR_CLUSTER_RULES: Final[Rules] = [_rule("", "nodes", "list watch")]
"""Which nodes are cordoned: for a ClusterRole, as nodes have no namespace. Without it cordons are not heeded."""

OPERATOR_SCALING_RULES: Final[Rules] = [_rule("", "pods", "patch")]
"""To mark the pods of idle workers where pools are autoscaled; `operator_policies` keep it to that annotation."""

WORKER_RULES: Final[Rules] = [
    _rule("", "pods", "get patch"),
    _rule("coordination.k8s.io", "leases", "get create patch"),
]

_SEE_JOBS: Final = _rule(GROUP, PLURAL, "get list watch")

PARTS: Final[dict[str, Rules]] = {"api": API_RULES, "operator": OPERATOR_RULES, "worker": WORKER_RULES}
"""What a part may do in the namespace where it runs."""
JOB_PARTS: Final[dict[str, Rules]] = {
    "api": [_SEE_JOBS],
    "operator": [
        _rule(GROUP, PLURAL, "get list watch delete"),
        _rule(GROUP, f"{PLURAL}/status", f"patch {WRITE_ANY_VERB}"),
        _rule("events.k8s.io", "events", "create"),
    ],
    "worker": [_SEE_JOBS, _rule(GROUP, f"{PLURAL}/status", "patch")],
}
"""What a part may do in each namespace whose jobs are looked after, its own included."""


def access(part: str, subject: dict[str, str], namespace: str, neighbours: Iterable[str] = ()) -> list[Json]:
    """Return the Roles of a part (`api`, `operator`, `worker`) and their bindings to a user or service account.

    `namespace` is where it runs; in `neighbours` it looks after jobs only.
    """
    jobs = [(f"picshapes:jobs:{part}", one, JOB_PARTS[part]) for one in (namespace, *neighbours)]
    roles = [(f"picshapes-{part}", namespace, PARTS[part]), *jobs]
    return [obj for role in roles for obj in _bound(*role, subject)]


def _bound(name: str, namespace: str, rules: Rules, subject: dict[str, str]) -> list[Json]:
    version = "rbac.authorization.k8s.io/v1"
    metadata = {"name": name, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return [
        {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": [subject],
        },
    ]

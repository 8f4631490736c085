"""Admission policies: who may write what, where RBAC alone is too coarse.

Privileges are asked of RBAC with verbs of our own, so a policy names no user: the API's role has the verb
`set` on `generationjobs/owner`, the operator's the verb `write-any` on `generationjobs/status`. Everybody else
who may patch a job's status, a worker above all, may do so only for jobs that its own pod holds, by the pod
name in its bound token
(https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
"""

from typing import Any, Final

from picshapes_crds.names import ARCHIVE_LABEL, GROUP, ORIGIN_LABEL, PLURAL, VERSION

OWNER_VERB: Final = "set"
OWNER_RESOURCE: Final = f"{PLURAL}/owner"
WRITE_ANY_VERB: Final = "write-any"
DELETION_COST_ANNOTATION: Final = "controller.kubernetes.io/pod-deletion-cost"

_JOBS: Final = {"apiGroups": [GROUP], "apiVersions": [VERSION]}
_POD_NAME: Final = "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
_HAS_POD_NAME: Final = (
    "has(request.userInfo.extra) && 'authentication.kubernetes.io/pod-name' in request.userInfo.extra"
)


_PODS: Final = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"]}
_SAME_POD: Final = (
    "object.spec == oldObject.spec && "
    "object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences && "
    "object.metadata.?finalizers == oldObject.metadata.?finalizers"
)


def _is(namespace: str, service_account: str) -> str:
    return f"request.userInfo.username == 'system:serviceaccount:{namespace}:{service_account}'"


def _allowed(subresource: str, verb: str) -> str:
    return (
        f"authorizer.group('{GROUP}').resource('{PLURAL}').subresource('{subresource}')"
        f".namespace(request.namespace).check('{verb}').allowed()"
    )


def policy(
    name: str, rules: list[dict[str, Any]], conditions: list[str], checks: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return a policy that denies what fails a check, and the binding that puts it in force.

    `conditions` are CEL expressions that must all hold for the policy to apply; `checks` are pairs of a CEL
    expression and the sentence that a refused user sees.
    """
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "matchConditions": [{"name": f"applies-{n}", "expression": e} for n, e in enumerate(conditions)],
        "validations": [{"expression": e, "message": m, "reason": "Forbidden"} for e, m in checks],
    }
    group_version = "admissionregistration.k8s.io/v1"
    return [
        {
            "apiVersion": group_version,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": spec,
        },
        {
            "apiVersion": group_version,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def admission_policies() -> list[dict[str, Any]]:
    """Return the policies on jobs, the same for every installation."""
    owner = policy(
        f"owner.{GROUP}",
        [{**_JOBS, "operations": ["CREATE"], "resources": [PLURAL]}],
        [
            (
                "has(object.spec.owner) || (has(object.metadata.labels) && "
                f"('{ORIGIN_LABEL}' in object.metadata.labels || '{ARCHIVE_LABEL}' in object.metadata.labels))"
            )
        ],
        [
            (
                _allowed("owner", OWNER_VERB),
                (
                    f"spec.owner and the labels {ORIGIN_LABEL} and {ARCHIVE_LABEL} are the API's: "
                    "leave them out, and the namespace owns the job"
                ),
            )
        ],
    )
    labels = policy(
        f"labels.{GROUP}",
        [{**_JOBS, "operations": ["UPDATE"], "resources": [PLURAL]}],
        [f"!{_allowed('owner', OWNER_VERB)}"],
        [
            (
                " && ".join(
                    f"object.metadata.?labels[?'{label}'] == oldObject.metadata.?labels[?'{label}']"
                    for label in (ORIGIN_LABEL, ARCHIVE_LABEL)
                ),
                f"the labels {ORIGIN_LABEL} and {ARCHIVE_LABEL} are changed by the PicShapes API only",
            )
        ],
    )
    holder = policy(
        f"holder.{GROUP}",
        [{**_JOBS, "operations": ["UPDATE"], "resources": [f"{PLURAL}/status"]}],
        [f"!{_allowed('status', WRITE_ANY_VERB)}"],
        [
            (
                (
                    f"{_HAS_POD_NAME} && has(oldObject.status.workerName) && "
                    f"{_POD_NAME} == oldObject.status.workerName"
                ),
                "a worker may change the status only of jobs that its own pod holds",
            )
        ],
    )
    return owner + labels + holder


def worker_policies(namespace: str, service_account: str, name: str = "worker") -> list[dict[str, Any]]:
    """Return the policies that keep a worker's token to its own pod's labels and its own Lease."""
    is_worker = _is(namespace, service_account)
    own = f"{_HAS_POD_NAME} && {_POD_NAME} == object.metadata.name"
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
                f"{_HAS_POD_NAME} && {_POD_NAME} == request.name",
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

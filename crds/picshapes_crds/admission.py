"""Admission policies on jobs: who may write what, where RBAC alone is too coarse.

Privileges are asked of RBAC with verbs of our own, so a policy names no user: the API's role has the verb
`set` on `generationjobs/owner`, the operator's the verb `write-any` on `generationjobs/status`, and whoever may
`raise` `generationjobs/priority` puts jobs before everybody else's. Who may patch a job's status without being the
operator, a worker above all, may do so only for jobs that its own pod holds, by the pod name in its bound token
(https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
"""

from typing import Any, Final

from picshapes_crds.names import ARCHIVE_LABEL, GROUP, ORIGIN_LABEL, PLURAL, VERSION

OWNER_VERB: Final = "set"
OWNER_RESOURCE: Final = f"{PLURAL}/owner"
WRITE_ANY_VERB: Final = "write-any"
PRIORITY_VERB: Final = "raise"

POD_NAME: Final = "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
HAS_POD_NAME: Final = (
    "has(request.userInfo.extra) && 'authentication.kubernetes.io/pod-name' in request.userInfo.extra"
)

_JOBS: Final = {"apiGroups": [GROUP], "apiVersions": [VERSION]}


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
                    f"{HAS_POD_NAME} && has(oldObject.status.workerName) && "
                    f"{POD_NAME} == oldObject.status.workerName"
                ),
                "a worker may change the status only of jobs that its own pod holds",
            )
        ],
    )
    priority = policy(
        f"priority.{GROUP}",
        [{**_JOBS, "operations": ["CREATE"], "resources": [PLURAL]}],
        ["has(object.spec.priority) && object.spec.priority > 0"],
        [
            (
                _allowed("priority", PRIORITY_VERB),
                (
                    "spec.priority above 0 goes before everybody else's jobs and takes the right to "
                    f"{PRIORITY_VERB} {PLURAL}.{GROUP}/priority: leave it out, or make it 0 or less"
                ),
            )
        ],
    )
    return owner + labels + holder + priority

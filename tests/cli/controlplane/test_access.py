"""What the API server lets whom do: users by token, service accounts by tokens bound to their pods."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from picshapes_cli.controlplane.server import ControlPlane

ROLE_API = "/apis/rbac.authorization.k8s.io/v1/namespaces"
POD = {
    "metadata": {"name": "worker-0"},
    "spec": {
        "nodeName": "this-machine",
        "serviceAccountName": "worker",
        "containers": [{"name": "worker", "image": "picshapes/worker"}],
    },
}


async def post(api: httpx.AsyncClient, path: str, body: Mapping[str, object]) -> dict[str, object]:
    response = await api.post(path, json=body)
    assert response.status_code == 201, response.text
    created: dict[str, object] = response.json()
    return created


async def bound_token(api: httpx.AsyncClient, namespace: str) -> str:
    """Make a service account and its pod, and return a token that is bound to the pod."""
    core = f"/api/v1/namespaces/{namespace}"
    await post(api, f"{core}/serviceaccounts", {"metadata": {"name": "worker"}})
    pod = await post(api, f"{core}/pods", POD)
    assert isinstance(pod["metadata"], dict)
    pod_reference = {"apiVersion": "v1", "kind": "Pod", "name": "worker-0", "uid": pod["metadata"]["uid"]}
    request = {"spec": {"audiences": [], "boundObjectRef": pod_reference, "expirationSeconds": 3600}}
    answer = await post(api, f"{core}/serviceaccounts/worker/token", request)
    assert isinstance(answer["status"], dict)
    return str(answer["status"]["token"])


async def test_rbac_refuses_a_user_without_a_role(control_plane: ControlPlane) -> None:
    async with control_plane.http_client(control_plane.token("unprivileged")) as api:
        refused = await api.get("/api/v1/namespaces/default/pods")

    assert refused.status_code == 403
    assert refused.json()["message"].startswith('pods is forbidden: User "unprivileged" cannot list resource')


@pytest.mark.parametrize(
    "subject", [{"kind": "User", "name": "unprivileged"}, {"kind": "Group", "name": "nobodies"}]
)
async def test_rbac_lets_a_user_in_by_name_or_group(
    control_plane: ControlPlane, admin_api: httpx.AsyncClient, namespace: str, subject: dict[str, str]
) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    await post(admin_api, f"{ROLE_API}/{namespace}/roles", {"metadata": {"name": "reader"}, "rules": rules})
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{**subject, "apiGroup": "rbac.authorization.k8s.io"}],
    }
    await post(admin_api, f"{ROLE_API}/{namespace}/rolebindings", binding)

    async with control_plane.http_client(control_plane.token("unprivileged")) as api:
        assert (await api.get(f"/api/v1/namespaces/{namespace}/pods")).status_code == 200
        assert (await api.get("/api/v1/namespaces/default/pods")).status_code == 403


async def test_nobody_gets_in_without_a_token(control_plane: ControlPlane) -> None:
    async with control_plane.http_client("wrong") as api:
        assert (await api.get("/readyz")).status_code == 401
        del api.headers["Authorization"]
        assert (await api.get("/readyz")).status_code == 401


async def test_a_pod_on_a_node_that_has_no_kubelet_can_be_made_reported_ready_and_deleted(
    admin_api: httpx.AsyncClient, namespace: str
) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    await post(admin_api, pods, POD)
    status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    merge = {"Content-Type": "application/merge-patch+json"}
    reported = await admin_api.patch(f"{pods}/worker-0/status", json=status, headers=merge)
    assert reported.json()["status"]["phase"] == "Running"

    deleted = await admin_api.request("DELETE", f"{pods}/worker-0", json={"gracePeriodSeconds": 0})
    assert deleted.status_code == 200
    assert (await admin_api.get(f"{pods}/worker-0")).status_code == 404


async def test_a_token_bound_to_a_pod_names_the_pod(
    control_plane: ControlPlane, admin_api: httpx.AsyncClient, namespace: str
) -> None:
    async with control_plane.http_client(await bound_token(admin_api, namespace)) as api:
        review = await post(api, "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})

    assert isinstance(review["status"], dict)
    user = review["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:worker"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["worker-0"]


async def test_a_token_bound_to_a_pod_is_worth_nothing_once_the_pod_is_gone(
    control_plane: ControlPlane, admin_api: httpx.AsyncClient, namespace: str
) -> None:
    token = await bound_token(admin_api, namespace)
    pod = f"/api/v1/namespaces/{namespace}/pods/worker-0"
    await admin_api.request("DELETE", pod, json={"gracePeriodSeconds": 0})

    async with control_plane.http_client(token) as api:  # a token that was used before lives 10 s longer
        assert (await api.get("/readyz")).status_code == 401


async def test_an_admission_policy_can_hold_a_pods_token_to_its_own_name(
    control_plane: ControlPlane, admin_api: httpx.AsyncClient, namespace: str
) -> None:
    policies = "/apis/admissionregistration.k8s.io/v1"
    own_name = "object.metadata.name == request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    policy = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": own_name}]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = {"policyName": namespace, "validationActions": ["Deny"], "matchResources": here}
    named = {"metadata": {"name": namespace}}
    await post(admin_api, f"{policies}/validatingadmissionpolicies", {**named, "spec": policy})
    await post(admin_api, f"{policies}/validatingadmissionpolicybindings", {**named, "spec": binding})
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
    await post(admin_api, f"{ROLE_API}/{namespace}/roles", {"metadata": {"name": "maker"}, "rules": rules})
    bound = {
        "metadata": {"name": "maker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": namespace}],
    }
    await post(admin_api, f"{ROLE_API}/{namespace}/rolebindings", bound)

    async with control_plane.http_client(await bound_token(admin_api, namespace)) as api:
        tries = f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All"
        other = {"metadata": {"name": "worker-1"}}
        async with asyncio.timeout(30):
            while (refused := await api.post(tries, json=other)).status_code == 201:
                pass  # nothing tells when the API server has taken the policy up
        assert refused.status_code == 422
        assert f"ValidatingAdmissionPolicy '{namespace}'" in refused.json()["message"]
        assert (await api.post(tries, json={"metadata": {"name": "worker-0"}})).status_code == 201

"""What the benchmarks of a whole PicShapes start from: a user without limits, a namespace nobody watches."""

from typing import Final

import aiohttp

from picshapes_cli.up.stack import Running
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.install import apply_all

BASELINE_NAMESPACE: Final = "picshapes-bench"


async def make_baseline_namespace(cluster: KubeCluster) -> None:
    """Make the namespace for baselines: neither the operator nor the API looks there."""
    await apply_all(cluster, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BASELINE_NAMESPACE}}])


async def lift_limits(state: Running) -> None:
    """Let the first user post as fast as the parts can take it."""
    async with aiohttp.ClientSession(state.api_url, raise_for_status=True) as http:
        async with http.get("/api/v1/users/me", headers=bearer(state.keys.user)) as answer:
            user = (await answer.json())["id"]
        change = {"limit_per_minute": 0, "limit_per_day": 0}
        url = f"/api/v1/admin/users/{user}"
        async with http.patch(url, json=change, headers=bearer(state.keys.admin)):
            pass  # an error has been raised


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"Authorization": f"Bearer {key}"}

"""Jobs as files for kubectl, and how they ended."""

from typing import Any

from tests.e2e.cluster import Cluster


def job(name: str, **spec: Any) -> dict[str, Any]:
    """Return a job's resource: 512 x 512 px of flux-schnell, which takes four steps."""
    return {
        "apiVersion": "picshapes.io/v1alpha1",
        "kind": "GenerationJob",
        "metadata": {"name": name},
        "spec": {
            "prompt": "a red circle on a white background",
            "model": "flux-schnell",
            "width": 512,
            "height": 512,
            "seed": 7,
            **spec,
        },
    }


def await_end(cluster: Cluster, *names: str, timeout_s: int = 600) -> list[dict[str, Any]]:
    """Wait until all have ended, and return each one's status."""
    targets = [f"generationjob/{name}" for name in names]
    cluster.kubectl("wait", "--for=condition=Finished", *targets, f"--timeout={timeout_s}s")
    found = cluster.read("generationjobs")["items"]
    return [item["status"] for item in found if item["metadata"]["name"] in names]

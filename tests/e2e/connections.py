"""Connections that pass and that are refused, tried from within pods."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import stamina
from tests.e2e.cluster import Cluster

PASSES: Final = "passes"
REFUSED: Final = "refused"
ENFORCED_LIMIT_S: Final = 60
"""How long the network may take to do what its policies say of a new pod, and a new server to listen."""

DENY_EGRESS: Final[dict[str, Any]] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "of-the-platform"},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
}
"""No pod of the namespace reaches anything unless another policy lets it."""

CONNECT: Final = """
import concurrent.futures, json, socket
def connection(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=8).close()
    except TimeoutError:
        return "refused"
    return "passes"
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(json.dumps(list(pool.map(connection, TARGETS))))
"""
IDLE: Final = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"


def connections(cluster: Cluster, workload: str, *targets: str) -> list[str]:
    """Try to connect to each host:port from a workload's first container: PASSES, or REFUSED in silence."""
    answers: list[str] = cluster.python_in(workload, f"TARGETS = {json.dumps(targets)}{CONNECT}")
    return answers


def await_connections(expected: list[str], cluster: Cluster, workload: str, *targets: str) -> None:
    """Wait until the connections are as expected; raises AssertionError if they don't get so."""
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=ENFORCED_LIMIT_S):
        with attempt:
            assert connections(cluster, workload, *targets) == expected


@contextmanager
def idle_pod(cluster: Cluster, name: str) -> Iterator[tuple[Cluster, str]]:
    """Have a restricted pod that does nothing and belongs to nobody."""
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": "localhost/picshapes-control:dev",
        "command": ["python", "-c", IDLE],
        "securityContext": locked,
    }
    spec = {
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    try:
        cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        yield cluster, f"pod/{name}"
    finally:
        cluster.kubectl("delete", "pod", name)

"""What a platform has already: PostgreSQL, Redis and an S3 server, as pods of the test's own."""

from typing import Any, Final

from tests.e2e.cluster import Cluster

SERVICES: Final = "localhost/picshapes-test-services:dev"
STORE: Final = "localhost/picshapes-store:dev"
PASSWORD: Final = "of-the-tests"  # noqa: S105 - it opens what lives as long as one test
BUCKET: Final = "external"

POSTGRES = """
printf %s "$PASSWORD" > /data/password
[ -e /data/db ] || /opt/postgresql/initdb -D /data/db -U picshapes --auth=scram-sha-256 --pwfile=/data/password
echo 'host all all all scram-sha-256' >> /data/db/pg_hba.conf
exec /opt/postgresql/postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/data -c fsync=off
"""
REDIS = 'exec redis-server --requirepass "$PASSWORD" --protected-mode no --dir /data --save ""'


def set_up(cluster: Cluster) -> dict[str, Any]:
    """Start the three, wait until they are ready, and return the chart's values for them."""
    s3_env = {"ROOT_ACCESS_KEY_ID": "tests", "ROOT_SECRET_ACCESS_KEY": PASSWORD}
    s3_words = [
        "versitygw",
        "--port=:7070",
        "--health=/health",
        "posix",
        "--sidecar=/data/metadata",
        "/data/buckets",
    ]
    folders = ["mkdir", "-p", f"/data/buckets/{BUCKET}", "/data/metadata"]
    cluster.create(
        *_pod("postgres", SERVICES, ["sh", "-c", POSTGRES], 5432, {"PASSWORD": PASSWORD}, []),
        *_pod("redis", SERVICES, ["sh", "-c", REDIS], 6379, {"PASSWORD": PASSWORD}, []),
        *_pod("s3", STORE, s3_words, 7070, s3_env, folders),
        _secret("external-database", url=f"postgres://picshapes:{PASSWORD}@postgres:5432/postgres"),
        _secret("external-redis", url=f"redis://:{PASSWORD}@redis:6379/0"),
        _secret("external-store", AWS_ACCESS_KEY_ID="tests", AWS_SECRET_ACCESS_KEY=PASSWORD),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "pod/postgres", "pod/redis", "pod/s3", "--timeout=300s")
    return {
        "api": {"replicas": 2},
        "operator": {"replicas": 2},
        "database": {"existingSecret": {"name": "external-database"}},
        "redis": {"existingSecret": {"name": "external-redis"}},
        "networkPolicy": {"storagePorts": [7070]},
        "storage": {
            "type": "external",
            "url": f"s3://{BUCKET}",
            "endpoint": "http://s3:7070",
            "existingSecret": "external-store",
        },
    }


def take_down(cluster: Cluster) -> None:
    """Remove what `set_up` made."""
    cluster.kubectl("delete", "pods,services,secrets", "-l", "of=surroundings", "--wait=false")


def _secret(name: str, **data: str) -> dict[str, Any]:
    """Return a Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(name), "stringData": data}


def _pod(
    name: str, image: str, command: list[str], port: int, env: dict[str, str], prepare: list[str]
) -> list[dict[str, Any]]:
    """Return a restricted pod with an empty /data, ready once its port answers, and its Service."""
    locked = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    common = {"imagePullPolicy": "IfNotPresent", "securityContext": locked}
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - a pod's own
    first = {"name": "prepare", "image": SERVICES, "command": prepare, "volumeMounts": mounts, **common}
    container = {
        "name": name,
        "image": image,
        "command": command,
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "volumeMounts": mounts,
        **common,
    }
    spec = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [first] if prepare else [],
        "containers": [container],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 5,
    }
    service = {"selector": {"name": name}, "ports": [{"port": port}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(name), "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(name), "spec": service},
    ]


def _metadata(name: str) -> dict[str, Any]:
    """Return metadata by which `take_down` finds the object."""
    return {"name": name, "labels": {"of": "surroundings", "name": name}}

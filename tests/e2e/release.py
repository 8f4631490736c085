"""The chart, installed and uninstalled, and its API as a user reaches it."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import stamina
from tests.e2e.cluster import CHART, Cluster, CommandFailedError

RELEASE: Final = "picshapes"
REQUEST_LIMIT_S: Final = 60
PICTURE_LIMIT_S: Final = 300


@contextmanager
def installed(cluster: Cluster, *options: str | Path, chart: Path = CHART) -> Iterator[Cluster]:
    """Have a chart installed with all its pods Ready. What it keeps when it goes, the next one finds."""
    try:
        cluster.helm("install", RELEASE, chart, "--wait", "--timeout", "10m", *options)
        yield cluster
    except CommandFailedError as failed:
        raise CommandFailedError(f"{failed}\n{state(cluster)}") from failed
    finally:
        cluster.helm("uninstall", RELEASE, "--ignore-not-found", "--wait", "--timeout", "5m")


def state(cluster: Cluster) -> str:
    """Say what the namespace's pods are doing, for a failure's message."""
    pods = cluster.kubectl("get", "pods", "-o", "wide")
    logs = cluster.kubectl(
        "logs", "-l", f"app.kubernetes.io/instance={RELEASE}", "--all-containers", "--tail=30", "--ignore-errors"
    )
    return f"{pods}\n{cluster.kubectl('get', 'events', '--sort-by=.lastTimestamp')}\n{logs}"


@contextmanager
def api(cluster: Cluster) -> Iterator["Api"]:
    """Reach the API through its Service."""
    with (
        cluster.forwarded(f"service/{RELEASE}-api", 80) as address,
        httpx.Client(base_url=f"{address}/api/v1", timeout=REQUEST_LIMIT_S) as client,
    ):
        yield Api(client, admin_key(cluster))


def admin_key(cluster: Cluster) -> str:
    """Return the first administrator's key, which the API drew."""
    secret = cluster.read("secret", f"{RELEASE}-admin")["data"]
    return base64.b64decode(secret["api-key"]).decode()


class Api:
    """The API as its first administrator and as a user whom that one makes."""

    def __init__(self, client: httpx.Client, key: str) -> None:
        self._client = client
        self._admin = {"Authorization": f"Bearer {key}"}

    def new_user(self, email: str, coins: int) -> dict[str, str]:
        """Make a user with credits, and return the headers of their requests."""
        made = self._client.post("/admin/users", json={"email": email, "credits": coins}, headers=self._admin)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['api_key']}"}

    def submit(self, user: dict[str, str], **body: Any) -> dict[str, Any]:
        """Submit a job that must be accepted."""
        made = self._client.post("/jobs", json=body, headers=user)
        assert made.status_code == 201, made.text
        answer: dict[str, Any] = made.json()
        return answer

    def ended(self, user: dict[str, str], job_id: str) -> dict[str, Any]:
        """Return the job once it has ended."""
        waits = stamina.retry_context(
            on=AssertionError, attempts=None, timeout=PICTURE_LIMIT_S, wait_initial=0.5, wait_max=2.0
        )
        for attempt in waits:
            with attempt:
                answer: dict[str, Any] = self._client.get(f"/jobs/{job_id}", headers=user).json()
                assert answer["status"] in {"completed", "failed"}
                return answer
        raise AssertionError

    def picture(self, ended: dict[str, Any]) -> bytes:
        """Return the finished picture's file, from the address that the API gave."""
        found = self._client.get(ended["result_url"])
        assert found.status_code == 200, found.text
        return found.content

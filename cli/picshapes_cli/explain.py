"""`picshapes explain`: why a job is where it is, from the API, as text or as the API's own JSON."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from picshapes_cli.api_client import Access, ApiClient

Explanation = dict[str, Any]


def ask(access: Access, job_id: str) -> Explanation:
    """Return the API's explanation. Raises `ApiError`."""
    with ApiClient(access) as api:
        return api.call("GET", f"/api/v1/jobs/{quote(job_id, safe='')}/explain")


def told(explanation: Explanation) -> Iterator[str]:
    """Yield the lines that people read."""
    yield f"{explanation['status']} ({explanation['reason']}): {explanation['message']}"
    if queue := explanation.get("queue"):
        guess = " (an estimate)" if queue["estimate"] else ""
        yield f"{'position':<10} {queue['position']} of {queue['length']} that wait for the same workers{guess}"
    if workers := explanation.get("workers"):
        yield f"{'workers':<10} {workers['could_run']} of {workers['total']} could run it"
        for other in workers["others"]:
            yield f"{'':<10} {other['count']} {_plural(other['message'], other['count'])}"
    if explanation["attempt"]:
        lost = f", {explanation['failures']} lost with their workers" if explanation["failures"] else ""
        yield f"{'attempts':<10} {explanation['attempt']}{lost}"
    if condition := explanation.get("condition"):
        yield f"{'operator':<10} said {condition['reason']} {condition['age_s']} s ago"
    elif explanation["status"] == "pending":
        yield f"{'operator':<10} has not said yet why it waits"


def _plural(text: str, count: int) -> str:
    if count == 1:
        return text
    return text.replace("has ", "have ", 1).replace("does not ", "do not ", 1)

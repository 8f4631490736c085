"""What can be seen of the API from outside: request ids, figures, health."""

from pathlib import Path

import httpx
import pytest

from .conftest import RunningApi
from .test_spine import placed, ready, submit

__all__ = ["ready"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


async def test_every_answer_carries_an_id_the_clients_own_if_it_is_decent(http: httpx.AsyncClient) -> None:
    first, second = [(await http.get("/api/v1/tiers")).headers["x-request-id"] for _ in range(2)]
    assert first != second
    own = await http.get("/nowhere", headers={"X-Request-ID": "trace-7"})
    assert own.headers["x-request-id"] == "trace-7"
    long = await http.get("/api/v1/tiers", headers={"X-Request-ID": "x" * 129})
    assert long.headers["x-request-id"] != "x" * 129


async def test_figures_have_bounded_labels(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    job = await submit(http, caller)
    await placed(api, job["id"])
    for number in range(20):
        await http.get(f"/api/v1/jobs/{number}")
        await http.get(f"/made/up/{number}")
    text = (await http.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("picshapes_api_requests_total")]
    assert (
        'picshapes_api_requests_total{method="GET",route="/api/v1/jobs/<job_id:str>",status="404"} 20.0' in lines
    )
    assert 'picshapes_api_requests_total{method="GET",route="unknown",status="404"} 20.0' in lines
    assert 'picshapes_api_jobs_accepted_total{model="z-image-turbo",tier="basic"} 1.0' in text
    assert "picshapes_api_unfinished_jobs 1.0" in text
    assert len(lines) < 8


async def test_a_process_that_stops_is_alive_but_not_ready(api: RunningApi, http: httpx.AsyncClient) -> None:
    api.api.services.stopping = True
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "missing": ["stopping"]})
    assert (await http.get("/healthz")).json() == {"status": "ok"}

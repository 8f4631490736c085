"""Why a job is where it is, over HTTP."""

from datetime import datetime

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api.cluster.waiting_line import parse
from picshapes_api.core.explanation import Known, explanation_body
from picshapes_api.services import Services
from picshapes_api.web.answers import json_answer, services_of
from picshapes_api.web.authentication import for_everyone
from picshapes_api.web.jobs import find_job
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.scheduling.explain import Wait
from picshapes_crds.scheduling.suspicion import rests_until

routes = Blueprint("explain", url_prefix="/api/v1/jobs")


@routes.get("/<job_id:str>/explain")
@for_everyone
async def explain_job(request: Request, job_id: str) -> HTTPResponse:
    """Explain by what the operator said, and the watch caches of jobs and workers; never from the API server."""
    services = services_of(request)
    job = await find_job(services, job_id)
    cached = services.last_seen(job.id)
    wait = await _wait(services, job.id) if job.outcome.status == "pending" else None
    known = Known(cached.resource if cached else None, wait, services.clock.now())
    return json_answer(explanation_body(job, known))


async def _wait(services: Services, job_id: str) -> Wait | Refusal | datetime | None:
    seen = await services.line.seen()
    cached = services.last_seen(job_id)
    if cached is None:
        return None
    wait = seen.explain(cached.uid, services.workers.workers())
    if wait is not None:
        return wait
    job = parse(cached.resource)
    if job is None:
        return None
    refused = resolve(job.spec, services.catalogue)
    return refused if isinstance(refused, Refusal) else rests_until(job)

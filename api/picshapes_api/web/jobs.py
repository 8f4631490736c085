"""Jobs over HTTP: submit, look, fetch the result's address."""

from typing import Any

from sanic import Blueprint, HTTPResponse, Request

from picshapes_api import submitting
from picshapes_api.core.account_requests import cursor_of, read_page, read_status
from picshapes_api.core.accounts import Account
from picshapes_api.core.errors import JobFailedError, JobNotFoundError, ResultExpiredError
from picshapes_api.core.failures import sentence
from picshapes_api.core.ids import is_id
from picshapes_api.core.job_view import JobFacts, job_body, result_url
from picshapes_api.services import Services
from picshapes_api.web.answers import JSON_TYPE, base_url, encode, json_answer, query_of, services_of
from picshapes_api.web.authentication import for_everyone, for_users

routes = Blueprint("jobs", url_prefix="/api/v1/jobs")

POLL_AFTER_S = "1"


@routes.post("/", strict_slashes=False)
@for_users
async def submit(request: Request, account: Account) -> HTTPResponse:
    """Accept a job: debit, row and ledger entry in one transaction, then the resource."""
    services = services_of(request)
    accepted = await submitting.submit(services, account, request.body, request.headers.get("idempotency-key"))
    if accepted.replayed:
        body = body_of(services, await find_job(services, accepted.job.facts.id), base_url(request))
        return json_answer(body, 201, {"Idempotent-Replayed": "true"})
    return json_answer(job_body(accepted.job.facts, base_url(request)), 201)


@routes.get("/", strict_slashes=False)
@for_users
async def list_own(request: Request, account: Account) -> HTTPResponse:
    """Show a page of the user's jobs, newest first."""
    query = query_of(request)
    page, status, services = read_page(query), read_status(query), services_of(request)
    jobs = await services.jobs.list_of(account.id, page, status, query.get("model"))
    base = base_url(request)
    body: dict[str, Any] = {"jobs": [body_of(services, job.facts, base) for job in jobs]}
    if len(jobs) == page.limit:
        last = jobs[-1].facts
        body["next_cursor"] = cursor_of(last.created_at_ms, last.id)
    return json_answer(body)


@routes.delete("/<job_id:str>")
@for_users
async def cancel(request: Request, account: Account, job_id: str) -> HTTPResponse:
    """Let a job end where it is; as often as one likes. The answer shows the job as it is now."""
    services = services_of(request)
    row = await services.jobs.find(job_id) if is_id(job_id) else None
    if row is None or row.user_id != account.id:
        raise JobNotFoundError
    if not row.closed:
        await services.jobs.request_cancel(job_id)
        await services.placer.cancel_soon(job_id)
    return json_answer(body_of(services, await find_job(services, job_id), base_url(request)))


@routes.get("/<job_id:str>")
@for_everyone
async def show(request: Request, job_id: str) -> HTTPResponse:
    """Answer from the watch caches, else from the database; never from the API server."""
    services = services_of(request)
    base = base_url(request)
    cached = services.last_seen(job_id)
    if cached is None:
        return json_answer(body_of(services, await find_job(services, job_id), base))
    if cached.body is None or cached.body_base != base:
        body = encode(body_of(services, await find_job(services, job_id), base))
        if not cached.may_keep_body or (cached.ended and services.retention.result_days):
            return HTTPResponse(body, 200, None, JSON_TYPE)
        cached.body, cached.body_base = body, base
    return HTTPResponse(cached.body, 200, None, JSON_TYPE)


@routes.get("/<job_id:str>/result")
@for_everyone
async def show_result(request: Request, job_id: str) -> HTTPResponse:
    """Answer with the picture's address once there is one."""
    services = services_of(request)
    job = await find_job(services, job_id)
    if job.outcome.status == "completed":
        if services.retention.has_expired(job.outcome, services.now_ms()):
            raise ResultExpiredError
        return json_answer({"result_url": result_url(job, base_url(request))})
    if job.outcome.status == "failed":
        raise JobFailedError(sentence(job.outcome.failure))
    body = {"status": job.outcome.status, "message": "Job is not completed yet"}
    return json_answer(body, 202, {"Retry-After": POLL_AFTER_S})


def body_of(services: Services, job: JobFacts, base: str) -> dict[str, Any]:
    """Return the contract's `Job` as it is now."""
    return job_body(job, base, expired=services.retention.has_expired(job.outcome, services.now_ms()))


async def find_job(services: Services, job_id: str) -> JobFacts:
    """Return a job as last seen, unless the database may know better; `JobNotFoundError` when none has it."""
    cached = services.last_seen(job_id)
    if cached is not None and not cached.doubtful:
        return cached.facts(services.catalogue)
    row = await services.jobs.find(job_id) if is_id(job_id) else None
    if row is not None and row.closed:
        # The row's end is the one that was settled; the resource, if it is still there, follows.
        if cached is not None:
            cached.settle(row.facts)
        return row.facts
    if cached is not None:
        return cached.facts(services.catalogue)
    if row is not None:
        return row.facts
    lower = job_id.lower()
    if lower != job_id and is_id(lower):
        return await find_job(services, lower)
    raise JobNotFoundError

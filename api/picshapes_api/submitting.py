"""A submission from body to accepted job: what `POST /api/v1/jobs` does, apart from HTTP.

Validate and price → one transaction (debit, row, ledger entry) → resource. A process that dies anywhere in it
leaves nothing, or a paid job that the outbox places.
"""

import structlog

from picshapes_api.core.accounts import Account
from picshapes_api.core.errors import TooManyJobsError
from picshapes_api.core.idempotency import read_idempotency
from picshapes_api.core.submission import read_request, resolve_request
from picshapes_api.services import Services
from picshapes_api.storage.accepting import Accepted, NewJob

log = structlog.get_logger(__name__)


async def submit(services: Services, account: Account, body: bytes, idempotency_key: str | None) -> Accepted:
    """Accept a job, or the one that this idempotency key stands for; raises `ApiError` when it is refused."""
    wanted = read_request(body, services.catalogue)
    idempotency = read_idempotency(idempotency_key, wanted.model_dump_json(exclude_unset=True))
    submission = resolve_request(wanted, services.catalogue, account.id, services.randomness.seed())
    new = NewJob(services.randomness.new_id(), account.id, submission, services.now_ms(), idempotency)
    accepted = await _accept(services, new)
    if accepted.replayed:
        services.figures.replayed.inc()
        return accepted
    services.figures.accepted.labels(submission.model, submission.spec["tier"]).inc()
    log.info("job.accepted", job_id=new.id, user_id=account.id, price=submission.price)
    await services.placer.place_soon(accepted.job)
    return accepted


async def _accept(services: Services, new: NewJob) -> Accepted:
    if not await _has_room(services, new.user_id):
        # A repeated request asks for no room: its job has it already.
        earlier = await services.jobs.earlier(new)
        if earlier is None:
            raise TooManyJobsError
        return earlier
    return await services.jobs.accept(new)


async def _has_room(services: Services, user_id: str) -> bool:
    """Tell if a user may have one more unfinished job: in the cluster, or, while none are placed, waiting."""
    placer = services.placer
    if not placer.has_room_for(user_id):
        return False
    most = placer.bounds.max_unfinished_per_user
    return placer.places_now or await services.jobs.count_open(user_id, most) < most

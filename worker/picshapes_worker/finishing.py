"""The second stage of a job: encode its picture, store it, write how the job ended.

It runs beside the next job's inference. A stored picture that no status refers to, nor ever can, is deleted.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

import structlog

from picshapes_crds import patches
from picshapes_crds.cluster import Json
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.phases import Reason
from picshapes_crds.resource import OutputFormat, Result, Timings
from picshapes_crds.storage import CONTENT_TYPES, object_key
from picshapes_worker.assignment import Claim, Stop
from picshapes_worker.context import WorkerContext
from picshapes_worker.description import describe
from picshapes_worker.failure import INTERNAL_ERROR, STORAGE_FAILED, Failure
from picshapes_worker.inference import Inference, Rendered
from picshapes_worker.store import STORE_FAULTS, reason_of
from picshapes_worker.terminal import Ending, TerminalWrite, end_job

STORAGE_PATIENCE_S: Final = 60.0
"""How long a store may fail before the job does."""

MAX_DEVICE: Final = 128
"""What the resource's schema takes of a device's name, in characters."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Stored:
    rendered: Rendered
    result: Result
    encode_s: float
    upload_s: float


class FinishingStage:
    """Ends one claim."""

    def __init__(self, claim: Claim, until: float, context: WorkerContext) -> None:
        """`until` is the monotonic time after which the claim can't be this process's any more."""
        self._claim, self._until, self._context = claim, until, context
        self._format = claim.job.spec.output_format or OutputFormat.PNG
        self._key = object_key(context.public_id(claim.job), claim.fence.attempt, self._format)
        self._job = context.logged(claim.job_name)
        self.denied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the API server denies this process the right to write to the job: that may last."""

    async def run(self, inference: Inference) -> None:
        """Store the picture, if there is one, and write the end of the job."""
        made = inference.outcome
        outcome = await self._store_picture(made) if isinstance(made, Rendered) else made
        if inference.reporter is not None:
            await inference.reporter.end()
        if isinstance(outcome, Stop):
            log.info("job.dropped", job=self._job, why=outcome.name)
        elif isinstance(outcome, Failure):
            await self.fail(outcome)
        else:
            await self._complete(outcome)

    async def fail(self, failure: Failure) -> Ending:
        """Write that the job failed."""
        ending = await self._write_failure(failure)
        if ending is Ending.BAD and failure is not INTERNAL_ERROR:
            ending = await self._write_failure(INTERNAL_ERROR)
        return ending

    async def _store_picture(self, rendered: Rendered) -> _Stored | Failure:
        context, clock = self._context, self._context.clock
        begun = clock.monotonic()
        model = context.catalogue.models[rendered.request.model]
        metadata = describe(rendered.request, model, context.catalogue.profile, context.device)
        try:
            content = await context.host.encode(rendered.picture, self._format, metadata)
        except Exception:  # whatever a codec raises ends this job, told by its status, and no other
            log.exception("job.encoding_failed", job=self._job)
            return INTERNAL_ERROR
        encoded = clock.monotonic()
        content_type = CONTENT_TYPES[self._format]
        if not await self._upload(content, content_type):
            return STORAGE_FAILED
        result = Result(
            key=self._key,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            content_type=content_type,
            device=context.device[:MAX_DEVICE],
        )
        stage = self._context.metrics.stage
        stage["load"].observe(rendered.load_s)
        stage["inference"].observe(rendered.inference_s)
        stage["encode"].observe(encoded - begun)
        stage["upload"].observe(clock.monotonic() - encoded)
        return _Stored(rendered, result, encoded - begun, clock.monotonic() - encoded)

    async def _upload(self, content: bytes, content_type: str) -> bool:
        """Store the picture; try for a bounded time."""
        clock = self._context.clock
        until = clock.monotonic() + STORAGE_PATIENCE_S
        failures = 0
        while True:
            try:
                await self._context.store.put(self._key, content, content_type)
            except STORE_FAULTS as error:
                delay_s = backoff_s(failures, self._context.rng)
                failures += 1
                log.warning("upload.retry", key=self._key, error=reason_of(error), delay_s=round(delay_s, 2))
            else:
                return True
            if clock.monotonic() + delay_s >= until:
                return False
            await clock.sleep(delay_s)

    async def _complete(self, stored: _Stored) -> None:
        rendered = stored.rendered
        outcome = patches.Outcome(
            started_at=rendered.started_at,
            completed_at=self._context.clock.now(),
            seed=rendered.request.seed,
            steps=rendered.request.steps,
            result=stored.result,
            result_url=self._context.result_url(self._claim.job, self._key),
            timings=Timings(
                load_s=round(rendered.load_s, 3),
                inference_s=round(rendered.inference_s, 3),
                encode_s=round(stored.encode_s, 3),
                upload_s=round(stored.upload_s, 3),
            ),
        )
        fence = self._claim.fence
        ending = await self._write(patches.completed(fence, outcome), self._key, Reason.SUCCEEDED)
        if ending is Ending.BAD:
            ending = await self._write_failure(INTERNAL_ERROR)
            if ending is Ending.ACCEPTED:
                ending = Ending.REJECTED
        if ending is Ending.REJECTED:
            await self._discard()

    async def _write_failure(self, failure: Failure) -> Ending:
        now = self._context.clock.now()
        operations = patches.failed(self._claim.fence, failure.reason, failure.message, now, failure.progress)
        return await self._write(operations, None, failure.reason)

    async def _write(self, operations: list[Json], key: str | None, reason: Reason) -> Ending:
        begun = self._context.clock.monotonic()
        write = TerminalWrite(self._claim.job_name, self._claim.fence, operations, key)
        ending = await end_job(write, self._until, self._context, self._note_denial)
        metrics = self._context.metrics
        metrics.stage["write"].observe(self._context.clock.monotonic() - begun)
        if ending is Ending.ACCEPTED:
            metrics.jobs.labels(self._claim.resolved.model, reason.value).inc()
        log.info("job.ended", job=self._job, attempt=self._claim.fence.attempt, reason=reason, ending=ending.name)
        return ending

    def _note_denial(self) -> None:
        if not self.denied.done():
            self.denied.set_result(None)

    async def _discard(self) -> None:
        """Delete the picture, once: what a failing store keeps is swept with the orphans of lost attempts."""
        try:
            await self._context.store.delete(self._key)
        except STORE_FAULTS as error:
            log.warning("upload.orphan", key=self._key, error=reason_of(error))

"""The first stage of a job: load its model, run the engine. One job at a time."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from picshapes_crds.resolve import seed_of
from picshapes_worker.assignment import Claim, Stop
from picshapes_worker.context import WorkerContext
from picshapes_worker.control import Control, StoppedError
from picshapes_worker.engine import (
    DeviceOutOfMemoryError,
    EngineBrokenError,
    InvalidOutputError,
    ModelUnavailableError,
    Picture,
    Request,
)
from picshapes_worker.failure import (
    INTERNAL_ERROR,
    INVALID_OUTPUT,
    Failure,
    model_unavailable,
    out_of_memory,
    stopped,
)
from picshapes_worker.reporter import Reporter, Subject

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rendered:
    """A picture, not yet stored."""

    request: Request
    picture: Picture
    started_at: datetime
    load_s: float
    inference_s: float


@dataclass(frozen=True)
class Inference:
    """How the first stage went: a picture, a failure, or a stop after which nothing is written."""

    outcome: Rendered | Failure | Stop
    reporter: Reporter | None
    """To be ended before the terminal write."""
    broken: EngineBrokenError | None = None
    """What broke the engine, when the outcome says that it is."""


def request_of(claim: Claim) -> Request:
    """Return what the engine is asked for."""
    spec, resolved = claim.job.spec, claim.resolved
    return Request(
        model=resolved.model,
        prompt=spec.prompt,
        negative_prompt=spec.negative_prompt,
        width=resolved.width,
        height=resolved.height,
        steps=resolved.steps,
        seed=seed_of(spec, claim.uid),
    )


class InferenceStage:
    """Runs the engine for one claim."""

    def __init__(self, claim: Claim, control: Control, context: WorkerContext) -> None:
        self._claim, self._control, self._context = claim, control, context
        self._request = request_of(claim)
        self._reporter: Reporter | None = None
        self._job = context.logged(claim.job_name)

    async def run(self) -> Inference:
        """Return how it went; never raises for what the engine does."""
        broken = None
        try:
            outcome: Rendered | Failure | Stop = await self._try()
        except StoppedError as error:
            outcome = error.stop
            if error.stop in (Stop.CANCELLED, Stop.DEADLINE):
                outcome = stopped(self._claim, error.stop, self._progress())
        except ModelUnavailableError as error:
            log.error("job.model_unavailable", job=self._job, error=str(error))  # noqa: TRY400 - the message says it all
            outcome = model_unavailable(self._claim)
        except DeviceOutOfMemoryError as error:
            log.error("job.out_of_memory", job=self._job, error=str(error))  # noqa: TRY400 - as above
            outcome = out_of_memory(self._claim, self._progress())
            self._context.memory.ran_out(self._request.model, self._claim.resolved.min_vram_mib)
        except InvalidOutputError as error:
            log.error("job.invalid_output", job=self._job, error=str(error))  # noqa: TRY400 - as above
            outcome = INVALID_OUTPUT  # without its progress: for no picture at all, all is refunded
        except EngineBrokenError as error:
            log.error("engine.broken", job=self._job, code=error.code, error=str(error))  # noqa: TRY400 - as above
            outcome, broken = Stop.BROKEN, error
        except Exception:  # whatever else the libraries raise ends this job, told by its status, and no other
            log.exception("job.internal_error", job=self._job)
            outcome = INTERNAL_ERROR
        return Inference(outcome, self._reporter, broken)

    async def _try(self) -> Rendered:
        """Run the engine; when memory runs out, once more with all of it to this job alone."""
        host, model = self._context.host, self._request.model
        if model not in self._context.catalogue.models:
            raise ModelUnavailableError(f"the catalogue of this worker has no model {model}")
        try:
            return await self._load_and_generate()
        except DeviceOutOfMemoryError as error:
            log.warning("job.retry_alone", job=self._job, error=str(error))
        await host.free(keep=model)
        self._control.steps_done = 0
        return await self._load_and_generate()

    async def _load_and_generate(self) -> Rendered:
        host, clock, request = self._context.host, self._context.clock, self._request
        begun = clock.monotonic()
        try:
            await host.load(request.model)
        finally:
            self._context.models_loaded(host.loaded())
        loaded, started_at = clock.monotonic(), clock.now()
        if self._reporter is None:
            claim = self._claim
            subject = Subject(claim.job_name, claim.fence, started_at, request.seed, request.steps)
            self._reporter = Reporter(subject, self._control, self._context)
        picture = await host.generate(request, self._control.on_step)
        return Rendered(request, picture, started_at, loaded - begun, clock.monotonic() - loaded)

    def _progress(self) -> str | None:
        done = self._control.steps_done
        return f"{done}/{self._request.steps}" if done else None

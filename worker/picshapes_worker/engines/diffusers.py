"""The real engine: diffusers pipelines on a CPU or an NVIDIA card.

Only the modules of this package import torch and diffusers, and this one before its neighbours. A generation runs
in the caller's thread and is stopped by what `on_step` raises: diffusers lets it through.
"""

import gc
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

# Set before torch starts its threads: those that wait must not burn a core that another process could use.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Set before the import: the libraries' hints at start are for people who write programs with them.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

# Set before torch compiles: what it has compiled outlives the process, and the next one starts in half the time.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path.home() / ".cache" / "picshapes" / "compiled"))

import structlog
import torch
from diffusers import FluxPipeline, ZImagePipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from picshapes_crds.catalogue import Model
from picshapes_worker.device import BYTES_PER_MIB, Device
from picshapes_worker.encoding import PillowPicture
from picshapes_worker.engine import DeviceUnavailableError, ModelUnavailableError, OnStep, Request
from picshapes_worker.engines.arguments import call_arguments, crop_box
from picshapes_worker.engines.faults import fault_of
from picshapes_worker.engines.float8 import check_card
from picshapes_worker.engines.pixels import picture_of
from picshapes_worker.engines.tuning import Wishes, plan, set_precision, tune
from picshapes_worker.residency import Needs, evictions
from picshapes_worker.weights import locate

PIPELINES: Final[dict[str, Any]] = {"FluxPipeline": FluxPipeline, "ZImagePipeline": ZImagePipeline}

log = structlog.get_logger(__name__)


class DiffusersEngine:
    """Keeps pipelines in device memory, as many as fit, and runs them."""

    def __init__(
        self,
        models: Mapping[str, Model],
        device: Device,
        wishes: Wishes = Wishes(),  # noqa: B008 - frozen
        allocated_mib: Callable[[], int] | None = None,
    ) -> None:
        """Check the device; raises `DeviceUnavailableError` when this build of torch can't use it as wished.

        `allocated_mib` says what tensors take of the device's memory now: by default as CUDA's allocator counts
        it. A CPU's memory is not counted: there the catalogue's figures stand.
        """
        if device.kind == "cuda" and not torch.cuda.is_available():
            raise DeviceUnavailableError(
                f"there is a {device.name}, but torch {torch.__version__} can't use it: "
                "its driver is too old, or torch is built for CPUs only"
            )
        for library in (diffusers_logging, transformers_logging):
            library.disable_progress_bar()
            library.disable_default_handler()  # their logs take the way of all others
            library.enable_propagation()
        if device.kind == "cuda":
            set_precision()
            allocated_mib = allocated_mib or _allocated_by_cuda_mib
        if wishes.float8:
            check_card(device)
        self._models, self._device, self._wishes = models, device, wishes
        self._needs, self._allocated_mib = Needs(models), allocated_mib
        self._pipelines: dict[str, Any] = {}
        """In the order of their last use."""

    def load(self, model: str) -> None:
        """Bring a model into device memory, pushing out the least recently used ones if it must."""
        entry = self._models[model]
        if model in self._pipelines:
            self._pipelines[model] = self._pipelines.pop(model)
            return
        needs = self._needs.to_draw(self._pipelines, model)
        for one in evictions(list(self._pipelines), model, needs, self._device.memory_mib):
            del self._pipelines[one]
        self._collect()
        before_mib = self._allocated_mib() if self._allocated_mib else 0
        source = locate(model, entry.weights)
        fault = None
        try:
            pipeline = PIPELINES[entry.pipeline].from_pretrained(
                source.name,
                revision=source.revision,
                dtype=getattr(torch, entry.dtype),
                use_safetensors=True,
            )
            pipeline.to(self._device.kind)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:  # whatever else the libraries raise on weights, it is the weights
                raise ModelUnavailableError(f"can't load {model} from {source.name}: {error}") from error
        if fault is not None:
            raise fault
        pipeline.set_progress_bar_config(disable=True)
        tune(pipeline, plan(entry, self._device, self._wishes))
        self._pipelines[model] = pipeline
        if self._allocated_mib:
            taken_mib = self._allocated_mib() - before_mib
            self._needs.loaded(model, taken_mib)
            log.info("model.measured", model=model, taken_mib=taken_mib, catalogue_mib=entry.vram.base_mib)

    def generate(self, request: Request, on_step: OnStep) -> PillowPicture:
        """Make a picture. The noise is drawn on the CPU, so a seed means the same on every device."""
        model = self._models[request.model]

        def stepped(_: Any, index: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            on_step(index + 1)
            return tensors

        on_step(0)
        fault = None
        try:
            made = self._pipelines[request.model](
                **call_arguments(request, model),
                generator=torch.Generator("cpu").manual_seed(request.seed),
                callback_on_step_end=stepped,
                output_type="pt",
            )
            image = picture_of(made.images[0])
        except (RuntimeError, MemoryError) as error:
            fault = fault_of(error)
            if fault is None:
                raise
        # Raised here, not above: the error caught holds the frames, and with them the tensors that must go.
        if fault is not None:
            raise fault
        if image.size != (request.width, request.height):
            image = image.crop(crop_box(image.size, request.width, request.height))
        return PillowPicture(image)

    def free(self, *, keep: str) -> None:
        """Give back all device memory but what the weights of this one model take."""
        self._pipelines = {model: one for model, one in self._pipelines.items() if model == keep}
        self._collect()

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""
        return frozenset(self._pipelines)

    def _collect(self) -> None:
        gc.collect()
        if self._device.kind == "cuda":
            torch.cuda.empty_cache()


def _allocated_by_cuda_mib() -> int:
    return int(torch.cuda.memory_allocated()) // BYTES_PER_MIB

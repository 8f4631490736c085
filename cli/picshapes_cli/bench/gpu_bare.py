"""Plain diffusers, as its own documentation has it: the baseline, and what it shows of the model and the card."""

import time
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from picshapes_cli.bench.gpu_paper import PROMPT
from picshapes_cli.bench.gpu_worker import Asked
from picshapes_crds.catalogue import Model
from picshapes_worker.engine import Request
from picshapes_worker.engines.arguments import call_arguments
from picshapes_worker.engines.diffusers import PIPELINES
from picshapes_worker.weights import locate

MATMUL_SIDE: Final = {"cpu": 1024, "cuda": 8192}
MATMUL_RUNS: Final = 10


class BarePipeline:
    """One model in a loop that a person would write: generate, save, again."""

    def __init__(self, model: Model, asked: Asked, kind: str) -> None:
        """Load the model in its own precision onto a device of this kind."""
        self._model, self._asked = model, asked
        source = locate(asked.model, model.weights)
        dtype = getattr(torch, model.dtype)
        self._pipeline: Any = PIPELINES[model.pipeline].from_pretrained(
            source.name, revision=source.revision, dtype=dtype
        )
        self._pipeline.to(kind).set_progress_bar_config(disable=True)

    def picture(self, seed: int) -> Any:
        """Make one picture, as Pillow's."""
        asked = self._asked
        request = Request(asked.model, PROMPT, None, asked.side_px, asked.side_px, asked.steps, seed)
        arguments = call_arguments(request, self._model)
        return self._pipeline(**arguments, generator=torch.Generator("cpu").manual_seed(seed)).images[0]

    def round(self, folder: Path, pictures: int) -> tuple[float, float]:
        """Return the seconds, and those of the processors, that so many pictures and their PNG files take."""
        began, processor_began = time.perf_counter(), time.process_time()
        for seed in range(pictures):
            self.picture(seed).save(folder / f"bare-{seed}.png")
        return time.perf_counter() - began, time.process_time() - processor_began

    def teraflops(self) -> float:
        """Return the floating-point operations of one picture, in 10¹², as torch counts them."""
        with FlopCounterMode(display=False) as counter:
            self.picture(0)
        return float(counter.get_total_flops()) / 1e12


def matmul_limit(kind: str) -> float:
    """Return the most that a large bfloat16 product reaches on this device, in 10¹² operations a second."""
    side = MATMUL_SIDE[kind]
    left, right = (torch.randn(side, side, device=kind, dtype=torch.bfloat16) for _ in range(2))
    fastest = min(_product_s(left, right, kind) for _ in range(MATMUL_RUNS))
    return float(2 * side**3 / fastest / 1e12)


def _product_s(left: torch.Tensor, right: torch.Tensor, kind: str) -> float:
    if kind == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    torch.matmul(left, right)
    if kind == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def peak_mib() -> int | None:
    """Return the most device memory that tensors took since the last call, in MiB; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    most = int(torch.cuda.max_memory_allocated()) // 2**20
    torch.cuda.reset_peak_memory_stats()
    return most

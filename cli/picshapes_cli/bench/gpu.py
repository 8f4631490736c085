"""Figure 7 and what the card gives: the worker against a bare diffusers loop, in one process and by turns.

On a card with the full-size architectures and random weights, which run as fast as trained ones and need no
download; on a CPU with the demo weights. Imports torch: only this command needs it.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from picshapes_cli.bench.gpu_architectures import write_full_size
from picshapes_cli.bench.gpu_bare import BarePipeline, matmul_limit, peak_mib
from picshapes_cli.bench.gpu_start import bench_start
from picshapes_cli.bench.gpu_worker import Asked, BenchedWorker, Round
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_crds.catalogue import Catalogue, Weights
from picshapes_worker.device import Device, measure
from picshapes_worker.engines.diffusers import DiffusersEngine
from picshapes_worker.engines.tuning import Wishes

GAP_GOAL_MS: Final = 10.0
SIDE_PX: Final = {"cpu": 512, "cuda": 1024}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class GpuOptions:
    """What is measured."""

    device: Literal["auto", "cpu", "cuda"]
    pictures: int
    """A round."""
    rounds: int
    side_px: int | None = None
    float8: bool = False
    starts: int = 0
    """Of processes, for the time to the first picture; at 0 that is left out."""


async def bench_gpu(folder: Path, options: GpuOptions, tell: Tell) -> Figure:
    """Measure all models of the catalogue, one after the other; the default model's figure comes first."""
    device = measure(options.device)
    catalogue = _full_size(folder, tell) if device.kind == "cuda" else Catalogue.load("demo")
    limit = matmul_limit(device.kind)
    tell(f"{device.name}: a large product runs at {limit:.2f} TFLOP/s")
    figures: list[Figure] = []
    gaps: list[float] = []
    others = [model for model in catalogue.models if model != catalogue.default_model]
    for model in (catalogue.default_model, *others):
        figure, found = await _bench_model(model, folder, (catalogue, device, options, limit), tell)
        figures.append(figure)
        gaps += found
    gap_ms = statistics.median(gaps) * 1000
    first, *further = figures
    for one in further:
        for figure in (replace(one, also=()), *one.also):
            first = first.beside(figure)
    if options.starts:
        asked = _asked(catalogue.default_model, catalogue, device, options)
        first = first.beside(await bench_start(catalogue, asked, device.kind, options.starts, tell))
    return first.beside(
        Figure(
            name="gpu-gap",
            value=round(gap_ms, 3),
            baseline=GAP_GOAL_MS,
            unit="ms between two jobs",
            machine=first.machine,
            goal="<= 1",
            details={"most_ms": round(max(gaps) * 1000, 3), "gaps": len(gaps)},
        )
    )


def _full_size(folder: Path, tell: Tell) -> Catalogue:
    """Write both full-size models with random weights; return the real catalogue with its weights there."""
    real = Catalogue.load("real")
    models = {}
    for model, entry in real.models.items():
        tell(f"{model}: writing its full-size architecture with random weights to {folder}")
        write_full_size(model, folder / "weights" / model, "cuda")
        weights = Weights(path=str(folder / "weights" / model))
        models[model] = entry.model_copy(update={"weights": weights})
    return real.model_copy(update={"models": models})


def _asked(model: str, catalogue: Catalogue, device: Device, options: GpuOptions) -> Asked:
    return Asked(model, options.side_px or SIDE_PX[device.kind], catalogue.models[model].steps)


async def _bench_model(
    model: str, folder: Path, setting: tuple[Catalogue, Device, GpuOptions, float], tell: Tell
) -> tuple[Figure, list[float]]:
    catalogue, device, options, limit = setting
    entry = catalogue.models[model]
    asked = _asked(model, catalogue, device, options)
    tell(f"{model}: loading it twice, into the worker's engine and into plain diffusers")
    began = time.perf_counter()
    engine = DiffusersEngine(catalogue.models, device, Wishes(float8=options.float8))
    engine.load(model)
    loaded_s = time.perf_counter() - began
    worker = BenchedWorker(engine, device, catalogue, folder)
    first = await worker.round(asked, 1)
    peak_mib()
    await worker.round(asked, 1)
    peak = peak_mib()
    began = time.perf_counter()
    bare = await worker.aside(lambda: BarePipeline(entry, asked, device.kind))
    bare_loaded_s = time.perf_counter() - began
    bare_first_s, _ = await worker.aside(lambda: bare.round(folder, 1))
    teraflops = await worker.aside(bare.teraflops)
    rounds: list[Round] = []
    bare_rounds: list[tuple[float, float]] = []
    for number in range(options.rounds):  # by turns: what else the machine does meets both
        bare_rounds.append(await worker.aside(lambda: bare.round(folder, options.pictures)))
        rounds.append(await worker.round(asked, options.pictures))
        tell(
            f"{model}, round {number + 1} of {options.rounds}: "
            f"worker {rounds[-1].seconds:.1f} s, bare {bare_rounds[-1][0]:.1f} s for {options.pictures} pictures"
        )
    worker.close()
    made = options.rounds * options.pictures
    picture_s = statistics.median(one.seconds / one.pictures for one in rounds)
    figure = Figure(
        name="gpu" if model == catalogue.default_model else f"gpu-{model}",
        value=3600 * made / sum(one.seconds for one in rounds),
        baseline=3600 * made / sum(seconds for seconds, _ in bare_rounds),
        unit="pictures/h",
        machine=this_machine(),
        goal=">= 0.98",
        details=_details(picture_s, teraflops, limit)
        | {
            "model": model,
            "device": device.name,
            "weights": catalogue.profile,
            "precision": "fp8" if options.float8 else entry.dtype,
            "side_px": asked.side_px,
            "steps": asked.steps,
            "vram_peak_mib": peak,
            "load_s": {"worker": round(loaded_s, 2), "bare": round(bare_loaded_s, 2)},
            "first_picture_s": {"worker": round(first.seconds, 2), "bare": round(bare_first_s, 2)},
            "ratio_by_round": [
                round(bare_s / one.seconds, 3) for one, (bare_s, _) in zip(rounds, bare_rounds, strict=True)
            ],
        },
    ).beside(
        Figure(
            name=f"gpu-processor-{model}",
            value=round(sum(one.processor_s for one in rounds) / made, 4),
            baseline=round(sum(processor_s for _, processor_s in bare_rounds) / made, 4),
            unit="CPU s/picture",
            machine=this_machine(),
            goal="<= 1.02",
        )
    )
    return figure, [gap for one in rounds for gap in one.gaps_s]


def _details(picture_s: float, teraflops: float, limit: float) -> dict[str, Any]:
    return {
        "s_a_picture": round(picture_s, 4),
        "tflop_a_picture": round(teraflops, 4),
        "tflop_s": round(teraflops / picture_s, 4),
        "matmul_limit_tflop_s": round(limit, 3),
        "share_of_limit": round(teraflops / picture_s / limit, 3),
    }

"""Figure 9: from a process's start to its first picture, a worker's against a plain one: load, compile, draw.

Each start has a process of its own. The plain one compiles anew each time, as it would in a new container; the
worker is started twice over one folder of compiled code: empty at first (cold), then as the first start left it
(warm). A CPU compiles nothing, so there all three should take the same. The worker has no API server to speak to.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from asyncio import StreamReader
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from picshapes_cli.bench.gpu_paper import PROMPT
from picshapes_cli.bench.gpu_worker import Asked
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_crds.catalogue import Catalogue
from picshapes_worker.engine import Request
from picshapes_worker.engines.arguments import call_arguments
from picshapes_worker.weights import locate

PLAIN: Final = ("-m", "picshapes_cli.bench.gpu_plain_start")
WORKER: Final = ("-m", "picshapes_cli.bench.gpu_worker_start")
START_TIMEOUT_S: Final = 1800.0
GOAL: Final = {"cuda": "<= 0.5", "cpu": "<= 1.02"}
"""On a card half of the plain start, most of which is compiling. On a CPU nothing is: there the plain start, and
the noise that processor time is allowed too."""


class StartFailedError(RuntimeError):
    """A process drew no picture; the message is the end of what it said."""

    code: ClassVar[str] = "START_FAILED"


@dataclass(frozen=True)
class Start:
    """Seconds from the start of each process to its first picture."""

    plain_s: float
    cold_s: float
    warm_s: float


async def bench_start(
    catalogue: Catalogue, asked: Asked, kind: str, starts: int, tell: Callable[[str], None]
) -> Figure:
    """Start each kind of process so many times, by turns; raises `StartFailedError`."""
    seen = []
    for number in range(starts):
        with tempfile.TemporaryDirectory(prefix="picshapes-start-") as folder:
            seen.append(await _start_all(catalogue, asked, kind, Path(folder)))
        last = seen[-1]
        tell(
            f"{asked.model}, start {number + 1} of {starts}: plain {last.plain_s:.1f} s, "
            f"worker cold {last.cold_s:.1f} s, warm {last.warm_s:.1f} s"
        )
    plain_s = statistics.median(one.plain_s for one in seen)
    return Figure(
        name="gpu-start",
        value=round(statistics.median(one.warm_s for one in seen), 3),
        baseline=round(plain_s, 3),
        unit="s to the first picture",
        machine=this_machine(),
        goal=GOAL[kind],
        details={
            "model": asked.model,
            "side_px": asked.side_px,
            "cold_s": round(statistics.median(one.cold_s for one in seen), 3),
            "starts": [[round(one, 2) for one in (each.plain_s, each.cold_s, each.warm_s)] for each in seen],
        },
    )


async def _start_all(catalogue: Catalogue, asked: Asked, kind: str, folder: Path) -> Start:
    """Start the plain process, the worker's over an empty folder of compiled code, and again over what it left."""
    file = folder / "catalogue.json"
    file.write_text(catalogue.model_dump_json(exclude_none=True), encoding="utf-8")
    plain = [*PLAIN, json.dumps(_as_documented(catalogue, asked, kind, folder))]
    worker = [*WORKER, str(file), asked.model, kind, str(asked.side_px), str(folder / "pictures")]
    return Start(
        plain_s=await first_line_s(plain, folder / "compiled-by-plain"),
        cold_s=await first_line_s(worker, folder / "compiled"),
        warm_s=await first_line_s(worker, folder / "compiled"),
    )


def _as_documented(catalogue: Catalogue, asked: Asked, kind: str, folder: Path) -> dict[str, Any]:
    entry = catalogue.models[asked.model]
    request = Request(asked.model, PROMPT, None, asked.side_px, asked.side_px, asked.steps, 0)
    return {
        "pipeline": entry.pipeline,
        "folder": locate(asked.model, entry.weights).name,
        "dtype": entry.dtype,
        "device": kind,
        "called_with": call_arguments(request, entry),
        "file": str(folder / "plain.png"),
    }


async def first_line_s(arguments: list[str], compiled: Path) -> float:
    """Return the seconds until a Python program of these arguments prints its first line.

    What it compiles is kept in the folder. Raises `StartFailedError` when it ends without a line, or with a fault.
    """
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(compiled)},
    )
    stdout, stderr = cast("StreamReader", process.stdout), cast("StreamReader", process.stderr)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            errors = asyncio.ensure_future(stderr.read())
            line = await stdout.readline()
            passed_s = time.perf_counter() - began
            said, status = await errors, await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not line or status:
        raise StartFailedError(
            f"python {' '.join(arguments[:2])} ended with {status}:\n{said.decode(errors='replace')[-2000:]}"
        )
    return passed_s

"""Run as a program: the first picture of a process that does what a worker does, but for the API server.

Its arguments are the file of a catalogue, a model, the kind of device, the side of the picture in pixels and the
folder to store it in. The engine is made and warmed up as before a worker is Ready; then one job goes through the
worker's own stages. It prints a line once its picture is stored.
"""

import asyncio
import sys
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry

from picshapes_cli.bench.gpu_worker import ROUND_TIMEOUT_S, Asked, BenchedWorker
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import SystemClock
from picshapes_worker.call_thread import CallThread
from picshapes_worker.device import measure
from picshapes_worker.engine_host import ThreadedHost
from picshapes_worker.engines import make_diffusers
from picshapes_worker.metrics import Metrics
from picshapes_worker.preparing import Preparing
from picshapes_worker.startup import find_weights, warm_up
from picshapes_worker.vitals import Budgets, Vitals


async def main(catalogue_file: str, model: str, kind: Literal["cpu", "cuda"], side_px: int, folder: Path) -> None:
    """Start as a worker does, and draw one picture."""
    catalogue, device = Catalogue.load(catalogue_file), measure(kind)
    vitals, thread = Vitals(SystemClock(), Budgets(ROUND_TIMEOUT_S, ROUND_TIMEOUT_S)), CallThread("engine")
    find_weights([model], catalogue)
    engine = await thread.call(lambda: make_diffusers(catalogue.models, device, compiles=True, float8=False))
    preparing = Preparing(vitals, Metrics(CollectorRegistry()), lambda _: None)
    await warm_up(ThreadedHost(engine, thread, vitals), [model], catalogue, device, preparing)
    thread.close()
    worker = BenchedWorker(engine, device, catalogue, folder)
    await worker.round(Asked(model, side_px, catalogue.models[model].steps), 1)
    print("drawn", flush=True)  # noqa: T201 - what the benchmark waits for
    worker.close()


if __name__ == "__main__":
    catalogue_file, model, kind, side_px, folder = sys.argv[1:]
    asyncio.run(main(catalogue_file, model, "cuda" if kind == "cuda" else "cpu", int(side_px), Path(folder)))

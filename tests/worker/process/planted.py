"""A worker process whose engine breaks as the prompt says: run as a program, with the worker's own settings."""

import os
import threading

from picshapes_worker.engine import DeviceFailedError, DeviceOutOfMemoryError, OnStep, Request
from picshapes_worker.engines import null
from picshapes_worker.engines.null import GreyPixel, NullEngine
from picshapes_worker.main import main


class PlantedEngine(NullEngine):
    """The null engine, but for what is planted after the first step."""

    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        match request.prompt:
            case "poison":
                on_step(1)
                raise DeviceFailedError("CUDA error: an illegal memory access was encountered")
            case "hang":
                on_step(1)
                threading.Event().wait()
            case "too big":
                on_step(1)
                raise DeviceOutOfMemoryError("CUDA out of memory")
        return super().generate(request, on_step)


if __name__ == "__main__":
    null.NullEngine = PlantedEngine  # type: ignore[misc] # the fault is planted in the whole process
    os._exit(main())

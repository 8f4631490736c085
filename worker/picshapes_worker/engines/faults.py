"""What an error of torch means for the worker: too little memory, a device that is lost, or neither. Pure."""

from typing import Final

import torch

from picshapes_worker.engine import DeviceFailedError, DeviceOutOfMemoryError, EngineError

# On a CPU torch has no type of its own for it, and CUDA's libraries tell of it in their own words.
NO_MEMORY: Final = (
    "not enough memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
# After any of these every later call of the process fails, and it must be ended and started anew
# (CUDA Runtime API, on cudaErrorIllegalAddress and its neighbours).
DEVICE_LOST: Final = ("CUDA error", "device-side assert", "CUBLAS_STATUS_", "CUDNN_STATUS_", "NCCL error")


def fault_of(error: BaseException) -> EngineError | None:
    """Return what the worker is to be told, without the error itself: its frames hold tensors that must go.

    None for an error that says nothing of the device.
    """
    said = str(error)
    first_line = said.partition("\n")[0]
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(word in said for word in NO_MEMORY):
        return DeviceOutOfMemoryError(first_line or "no memory left")
    if isinstance(error, torch.AcceleratorError) or any(word in said for word in DEVICE_LOST):
        return DeviceFailedError(f"the device failed, only a new process can use it: {first_line}")
    return None

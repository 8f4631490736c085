"""What errors of torch mean for the worker."""

import pytest
import torch

from picshapes_worker.engines.faults import fault_of


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    ],
)
def test_too_little_memory_is_told_as_such(error: Exception) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert fault.code == "OUT_OF_MEMORY"


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later",
        "CUDA error: device-side assert triggered",
        "CUDA error: uncorrectable ECC error encountered",
        "CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(handle)`",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    ],
)
def test_what_poisons_the_process_is_told_in_one_line(said: str) -> None:
    fault = fault_of(RuntimeError(said))
    assert fault is not None
    assert fault.code == "DEVICE_FAILED"
    first = said.partition("\n")[0]
    assert str(fault) == f"the device failed, only a new process can use it: {first}"


def test_a_mistake_in_the_program_is_neither() -> None:
    assert fault_of(RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)")) is None

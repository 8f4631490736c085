"""The device that a worker runs on and how much memory it has, to the MiB, as the device reports it.

Measured once at start; the pod's label carries the figure and the scheduler compares it with each job's need.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pynvml

from picshapes_worker.engine import DeviceUnavailableError

BYTES_PER_MIB: Final = 1024**2

CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
OWN_CGROUPS: Final = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Device:
    """Where the models run."""

    kind: Literal["cpu", "cuda"]
    name: str
    memory_mib: int
    """On a CPU: what this process may use."""


def measure(want: Literal["auto", "cpu", "cuda"], environment: Mapping[str, str] = os.environ) -> Device:
    """Return the device wanted; `auto` takes a GPU where there is one. Raises `DeviceUnavailableError`."""
    if want != "cpu":
        gpu = _first_gpu(environment.get("CUDA_VISIBLE_DEVICES"))
        if gpu is not None:
            return gpu
        if want == "cuda":
            raise DeviceUnavailableError("PICSHAPES_DEVICE=cuda, but the NVIDIA driver shows no GPU here")
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    usable = usable_memory_bytes(physical, OWN_CGROUPS, CGROUP_ROOT)
    return Device("cpu", f"{len(os.sched_getaffinity(0))} CPU cores", usable // BYTES_PER_MIB)


def _first_gpu(visible: str | None) -> Device | None:
    """Ask the driver, not torch: its total is the card's, and `nvidia-smi` shows the same figure."""
    if visible is not None and visible.strip() in ("", "-1", "none", "void"):
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None  # no driver: a machine without a GPU
    try:
        handle = _handle((visible or "0").split(",")[0].strip())
        total = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        return Device("cuda", str(pynvml.nvmlDeviceGetName(handle)), total // BYTES_PER_MIB)
    except pynvml.NVMLError as error:
        raise DeviceUnavailableError(f"the NVIDIA driver is there but can't be asked: {error}") from error
    finally:
        pynvml.nvmlShutdown()


def _handle(visible: str) -> object:
    """Find the device that CUDA will call 0: named by index, or by a GPU's or a MIG slice's UUID."""
    if visible.isdecimal():
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    return pynvml.nvmlDeviceGetHandleByUUID(visible)


def usable_memory_bytes(physical: int, own_cgroups: Path, root: Path) -> int:
    """Return the least of physical memory and the limits of this process's control groups, v1 or v2.

    `own_cgroups` is the process's `/proc/<pid>/cgroup`, `root` where control groups are mounted
    (https://docs.kernel.org/admin-guide/cgroup-v2.html, `memory.max`).
    """
    try:
        lines = own_cgroups.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return physical  # no control groups on this system
    limits = [physical]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            limits += _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits(mount: Path, path: str, file_name: str) -> list[int]:
    """Read the limits of a group and of all above it. In a container only the root may be visible."""
    own = mount / path.lstrip("/")
    found = []
    for group in (own, *own.parents):
        if not group.is_relative_to(mount):
            break
        try:
            text = (group / file_name).read_text(encoding="ascii").strip()
        except OSError:
            continue  # not mounted here, or the root group, which has no limit file
        if text.isdecimal():  # "max" is none
            found.append(int(text))
    return found

"""Processor time of each part during a measurement: steadier than wall time on a machine that others use, too."""

from pathlib import Path

import psutil


def processor_times_s() -> dict[str, float]:
    """Return the processor time, in seconds, that each child of this process has used so far, by its name."""
    times = {"bench": _used_s(psutil.Process())}
    for child in psutil.Process().children():
        try:
            times[_name(child)] = times.get(_name(child), 0.0) + _used_s(child)
        except psutil.NoSuchProcess:
            continue
    return times


def per_job_ms(before: dict[str, float], after: dict[str, float], jobs: int) -> dict[str, float]:
    """Return the processor time of each part between two readings, in milliseconds a job."""
    return {name: round((after[name] - before.get(name, 0.0)) / jobs * 1000, 2) for name in sorted(after)}


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(process: psutil.Process) -> str:
    """Return `api` for `python -m picshapes_api`, and the program's name for others."""
    argv = process.cmdline()
    modules = [word.removeprefix("picshapes_") for word in argv if word.startswith("picshapes_")]
    return modules[0] if modules else Path(argv[0]).name if argv else process.name()

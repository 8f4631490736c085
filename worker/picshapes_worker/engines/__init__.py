"""Engines, made by name. Only the chosen one's module is imported: torch takes seconds."""

from collections.abc import Mapping

from picshapes_crds.catalogue import Model
from picshapes_worker.device import Device
from picshapes_worker.engine import Engine


def make_null(step_s: float) -> Engine:
    """Return the engine that makes no picture."""
    from picshapes_worker.engines.null import NullEngine  # noqa: PLC0415 - see the module's docstring

    return NullEngine(step_s)


def make_diffusers(models: Mapping[str, Model], device: Device, *, compiles: bool, float8: bool) -> Engine:
    """Return the real engine; takes seconds. Raises `DeviceUnavailableError` when it can't use the device so."""
    from picshapes_worker.engines.diffusers import DiffusersEngine  # noqa: PLC0415 - as above
    from picshapes_worker.engines.tuning import Wishes  # noqa: PLC0415 - as above

    return DiffusersEngine(models, device, Wishes(compiles, float8))

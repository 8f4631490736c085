"""Engines, made by name. Only the chosen one's module is imported: torch takes seconds."""

from picshapes_crds.catalogue import Catalogue
from picshapes_worker.device import Device
from picshapes_worker.engine import Engine


def make_engine(name: str, catalogue: Catalogue, device: Device) -> Engine:
    """Return the engine of this name; raises `DeviceUnavailableError` when it can't use the device."""
    if name == "null":
        from picshapes_worker.engines.null import NullEngine  # noqa: PLC0415 - see the module's docstring

        return NullEngine()
    from picshapes_worker.engines.diffusers import DiffusersEngine  # noqa: PLC0415 - as above

    return DiffusersEngine(catalogue.models, device)

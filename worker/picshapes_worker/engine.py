"""What runs models, as the rest of the worker sees it: one protocol, its request, its picture and its errors.

`engines/diffusers.py` implements it for real, `engines/null.py` for benchmarks of everything but inference.
An engine is synchronous and used by one thread at a time; `engine_host` calls it from the event loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from picshapes_crds.resource import OutputFormat


class EngineError(Exception):
    """The engine could not do what it was asked. `code` is stable."""

    code = "ENGINE_ERROR"


class ModelUnavailableError(EngineError):
    """The model's weights are missing, unreadable or not what the catalogue says; the message says why."""

    code = "MODEL_UNAVAILABLE"


class DeviceOutOfMemoryError(EngineError):
    """The device's memory did not suffice."""

    code = "OUT_OF_MEMORY"


class DeviceUnavailableError(EngineError):
    """The device asked for is not there, or the engine can't use it."""

    code = "DEVICE_UNAVAILABLE"


class InvalidOutputError(EngineError):
    """The model gave no picture: numbers that are none, or nothing but black."""

    code = "INVALID_OUTPUT"


class EngineBrokenError(EngineError):
    """The engine is of no more use to this process; only a new one can go on."""

    code = "ENGINE_BROKEN"


class DeviceFailedError(EngineBrokenError):
    """The device failed in a way that poisons the process: every later call fails too."""

    code = "DEVICE_FAILED"


class EngineHungError(EngineBrokenError):
    """The engine made no step for longer than its budget."""

    code = "ENGINE_HUNG"


@dataclass(frozen=True)
class Request:
    """One picture to make; everything is decided."""

    model: str
    prompt: str
    negative_prompt: str | None
    width: int
    height: int
    steps: int
    seed: int


class Picture(Protocol):
    """A picture as an engine hands it over."""

    def encode(self, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:
        """Return the file's bytes, with what `metadata` says of the picture written into it."""


OnStep = Callable[[int], None]
"""Called in the engine's thread with the number of steps done: 0 before the first, then after each.

What it raises stops the generation and comes out of `Engine.generate`.
"""


class Engine(Protocol):
    """Holds models in a device's memory and makes pictures with them."""

    def load(self, model: str) -> None:
        """Bring a model into device memory, pushing out others if it must; returns at once if it is there.

        Raises `ModelUnavailableError`, `DeviceOutOfMemoryError` or `DeviceFailedError`.
        """

    def generate(self, request: Request, on_step: OnStep) -> Picture:
        """Make a picture with a loaded model.

        Raises `DeviceOutOfMemoryError`, `DeviceFailedError`, `InvalidOutputError` and what `on_step` raises.
        """

    def free(self, *, keep: str) -> None:
        """Give back all device memory but what the weights of this one model take."""

    def loaded(self) -> frozenset[str]:
        """Return the models in device memory now."""

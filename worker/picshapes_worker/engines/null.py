"""An engine that makes no picture: for benchmarks and tests of everything around inference.

It gives one constant picture of one grey pixel in each format, whatever size was asked for; its steps are
counted, and take no time unless it is told how long. It needs neither torch nor Pillow.
"""

import base64
import time
from typing import Final

from picshapes_crds.resource import OutputFormat
from picshapes_worker.engine import OnStep, Request

GREY_PIXEL: Final = {
    OutputFormat.PNG: base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
    ),
    OutputFormat.JPEG: base64.b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
        "V19iZ2hnPk1xeXBkeFxlZ2P/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAA"
        "AAD/2gAIAQEAAD8AP//Z"
    ),
    OutputFormat.WEBP: base64.b64decode("UklGRh4AAABXRUJQVlA4TBEAAAAvAAAAAAdQwAIWsP+BiOh/AAA="),
}


class GreyPixel:
    """The picture that is always the same."""

    def encode(self, output_format: OutputFormat, metadata: dict[str, str]) -> bytes:  # noqa: ARG002 - constant files
        """Return the constant file of this format; it carries no metadata."""
        return GREY_PIXEL[output_format]


class NullEngine:
    """Serves every model and does nothing."""

    def __init__(self, step_s: float = 0) -> None:
        self._step_s = step_s
        self._loaded: frozenset[str] = frozenset()

    def load(self, model: str) -> None:
        """Note that the model counts as loaded."""
        self._loaded |= {model}

    def generate(self, request: Request, on_step: OnStep) -> GreyPixel:
        """Count the steps and return the constant picture."""
        on_step(0)
        for done in range(1, request.steps + 1):
            if self._step_s:
                time.sleep(self._step_s)
            on_step(done)
        return GreyPixel()

    def free(self, *, keep: str) -> None:
        """Forget the other models."""
        self._loaded = frozenset({keep})

    def loaded(self) -> frozenset[str]:
        """Return the models asked for so far."""
        return self._loaded

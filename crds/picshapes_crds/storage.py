"""Where a picture lies in the object store: computed from the job by both the worker and the API.

The API never follows what a worker wrote in `resultURL` or `result.key`; it computes the key itself.
"""

from typing import Final

from picshapes_crds.resource import OutputFormat

CONTENT_TYPES: Final = {
    OutputFormat.PNG: "image/png",
    OutputFormat.JPEG: "image/jpeg",
    OutputFormat.WEBP: "image/webp",
}


def extension(output_format: OutputFormat | None) -> str:
    """Return the file name extension of a format, without the dot; png when none was asked for."""
    return "jpg" if output_format is OutputFormat.JPEG else (output_format or OutputFormat.PNG).value


def object_key(public_id: str, attempt: int, output_format: OutputFormat | None) -> str:
    """Return the object's key: `<public id>/<attempt>.<extension>`; each attempt has its own."""
    return f"{public_id}/{attempt}.{extension(output_format)}"

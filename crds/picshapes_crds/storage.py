"""Where a picture lies in the object store: computed from the job by both the worker and the API.

The API never follows what a worker wrote in `resultURL` or `result.key`; it computes the key itself.
"""

from collections.abc import Mapping
from typing import Final

from picshapes_crds.resource import OutputFormat

CONTENT_TYPES: Final = {
    OutputFormat.PNG: "image/png",
    OutputFormat.JPEG: "image/jpeg",
    OutputFormat.WEBP: "image/webp",
}

_ENDPOINTS: Final = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_YES: Final = ("true", "1", "on", "yes", "y")


def refused_endpoint(url: str, environment: Mapping[str, str]) -> str | None:
    """Return why the S3 server that the environment names may not be asked, in a sentence; None if it may.

    Every request would be refused as well, but only then, and with other words.
    """
    if not url.startswith(("s3:", "s3a:")) or environment.get("AWS_ALLOW_HTTP", "").lower() in _YES:
        return None
    plain = (name for name in _ENDPOINTS if environment.get(name, "").startswith("http:"))
    name = next(plain, None)
    return name and f"{name} is plain http, which AWS_ALLOW_HTTP=true would allow"


def extension(output_format: OutputFormat | None) -> str:
    """Return the file name extension of a format, without the dot; png when none was asked for."""
    return "jpg" if output_format is OutputFormat.JPEG else (output_format or OutputFormat.PNG).value


def object_key(public_id: str, attempt: int, output_format: OutputFormat | None) -> str:
    """Return the object's key: `<public id>/<attempt>.<extension>`; each attempt has its own."""
    return f"{public_id}/{attempt}.{extension(output_format)}"

"""Read what a failed `go` wrote, and say in one sentence what to do. Pure."""

import re

from picshapes_cli.controlplane.errors import (
    BuildFailedError,
    ControlPlaneError,
    ModuleChecksumError,
    ModuleDownloadError,
)

TAIL_LINES = 20

_CHECKSUM = re.compile(r"checksum mismatch|SECURITY ERROR")
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_KILLED = re.compile(r"signal: killed|cannot allocate memory|out of memory", re.IGNORECASE)
_NETWORK = re.compile(
    r"dial tcp|no such host|proxyconnect|i/o timeout|TLS handshake|connection re(fused|set)|network is unreachable"
    r"|module lookup disabled|reading https?://\S+: \d{3} |x509: ",
)


def explain_failure(output: str, log_path: str, programs: str) -> ControlPlaneError:
    """Return the error for what `go` wrote before it failed to build `programs`; all of it is in `log_path`."""
    tail = "\n".join(output.splitlines()[-TAIL_LINES:])
    ending = f"The whole log is {log_path}, and ends:\n{tail}"
    if _CHECKSUM.search(output):
        return ModuleChecksumError(
            "A downloaded Go module is not the one this version was made with. Don't go on with it: see whether"
            f" GOPROXY names a server you trust. {ending}"
        )
    if _NO_SPACE.search(output):
        return BuildFailedError(
            "The disk is full. The build needs 6 GB for a while in the cache folder (XDG_CACHE_HOME moves it)."
            f" {ending}"
        )
    if _NETWORK.search(output):
        return ModuleDownloadError(
            f"The source of {programs} could not be downloaded. See that this machine reaches a Go module"
            f" proxy (GOPROXY, HTTPS_PROXY), or put {programs} on PATH; what was downloaded is kept."
            f" {ending}"
        )
    if _KILLED.search(output):
        return BuildFailedError(
            f"The compiler was killed: it needs about 3 GB of memory. Free some, and start again. {ending}"
        )
    return BuildFailedError(f"Building {programs} failed. {ending}")

"""What can go wrong on the way to a running control plane: each with a stable code and what to do."""

from typing import ClassVar


class ControlPlaneError(Exception):
    """The control plane can't be had or run. The message says what to do about it."""

    code: ClassVar[str] = "CONTROL_PLANE_FAILED"


class GoNotFoundError(ControlPlaneError):
    """The programs have to be built and there is no Go that can."""

    code = "GO_NOT_FOUND"


class ModuleDownloadError(ControlPlaneError):
    """Go could not download the source."""

    code = "MODULE_DOWNLOAD_FAILED"


class ModuleChecksumError(ControlPlaneError):
    """What Go downloaded is not what go.sum says it must be."""

    code = "MODULE_CHECKSUM_MISMATCH"


class BuildFailedError(ControlPlaneError):
    """Go ran and failed, or took too long."""

    code = "CONTROL_PLANE_BUILD_FAILED"


class BuildLockError(ControlPlaneError):
    """Another process held the build lock for too long."""

    code = "CONTROL_PLANE_BUILD_LOCKED"


class StateDirInUseError(ControlPlaneError):
    """Another control plane runs on the same state folder."""

    code = "STATE_DIR_IN_USE"


class StartFailedError(ControlPlaneError):
    """etcd or kube-apiserver did not start."""

    code = "CONTROL_PLANE_START_FAILED"


class ServerExitedError(ControlPlaneError):
    """etcd or kube-apiserver ended by itself after it had started."""

    code = "CONTROL_PLANE_EXITED"

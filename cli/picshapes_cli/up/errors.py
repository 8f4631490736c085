"""What can go wrong in `picshapes up`: each with a stable code, what happened and what to do."""

from typing import ClassVar


class UpError(Exception):
    """PicShapes could not be started or kept running on this machine."""

    code: ClassVar[str] = "UP_FAILED"


class PortTakenError(UpError):
    """Another program listens on the port that was asked for."""

    code = "PORT_TAKEN"

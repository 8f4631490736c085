"""What can go wrong between a part and the API server, sorted by what the caller can do about it."""

from http import HTTPStatus
from typing import Any, Final


class ClusterError(Exception):
    """A call to the API server failed. `code` is stable; `status` is the HTTP status, 0 without an answer."""

    code = "CLUSTER_ERROR"

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(ClusterError):
    """404: the object is gone."""

    code = "NOT_FOUND"


class AlreadyExistsError(ClusterError):
    """409 on create: the name is taken."""

    code = "ALREADY_EXISTS"


class ConflictError(ClusterError):
    """409: the object changed since it was read, or a precondition failed. Read again, decide again."""

    code = "CONFLICT"


class ExpiredError(ClusterError):
    """410: the resource version is too old to list or watch from. List again."""

    code = "EXPIRED"


class InvalidError(ClusterError):
    """400 or 422: the object or the patch is refused; the same call will be refused again.

    A failed JSON-Patch `test` looks the same: only a read tells the two apart.
    """

    code = "INVALID"


class ForbiddenError(ClusterError):
    """401 or 403: these credentials may not do this."""

    code = "FORBIDDEN"


class UnavailableError(ClusterError):
    """No answer, 429 or 5xx: whether a write took effect is unknown. Try again after a while."""

    code = "UNAVAILABLE"


_BY_STATUS: Final[dict[int, type[ClusterError]]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    422: InvalidError,
    429: UnavailableError,
}


def from_status(status: dict[str, Any], http_status: int) -> ClusterError:
    """Turn the API server's `Status` object (or what stands in its place) into an error."""
    message = str(status.get("message") or f"the API server answered {http_status}")
    if http_status == HTTPStatus.CONFLICT and status.get("reason") == "AlreadyExists":
        return AlreadyExistsError(message, http_status)
    by_class = UnavailableError if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR else ClusterError
    kind = _BY_STATUS.get(http_status, by_class)
    return kind(message, http_status)

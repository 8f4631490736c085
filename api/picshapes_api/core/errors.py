"""Errors that a client sees: each is a type with a stable code and an HTTP status."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

JSON = dict[str, Any]

INVALID_REQUEST: Final = "INVALID_REQUEST"
INVALID_MODEL: Final = "INVALID_MODEL"
INVALID_TIER: Final = "INVALID_TIER"
TIER_LIMIT_EXCEEDED: Final = "TIER_LIMIT_EXCEEDED"
FAULT_CODES: Final = (INVALID_REQUEST, INVALID_MODEL, INVALID_TIER, TIER_LIMIT_EXCEEDED)
"""What a field of a request can be at fault with."""

HTTP_CODES: Final = {405: "METHOD_NOT_ALLOWED", 408: "REQUEST_TIMEOUT", 413: "BODY_TOO_LARGE"}
"""What is refused before it is anyone's request, by HTTP status."""


class ApiError(Exception):
    """A request that can't be served. `code` is part of the contract; `extra` are further fields of the body."""

    status: ClassVar[int] = 500
    code: str = "INTERNAL_ERROR"
    message: ClassVar[str] = "Internal error"

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        self.text = message or self.message
        self.extra = extra
        super().__init__(self.text)

    def body(self) -> JSON:
        """Return the body of the answer, in the contract's shape."""
        return {"error": self.text, "code": self.code, **self.extra}

    def headers(self) -> dict[str, str]:
        """Return headers that belong to the answer."""
        return {}


class UnauthorizedError(ApiError):
    """No key, an unknown or revoked key, or a disabled user: all look alike."""

    status = 401
    code = "UNAUTHORIZED"
    message = "Invalid or missing API key"

    def headers(self) -> dict[str, str]:
        """Say how to authenticate (RFC 9110, section 11.6.1)."""
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    """The key is good, but its user may not do this."""

    status = 403
    code = "FORBIDDEN"
    message = "Only an administrator may do this"


class InsufficientCreditsError(ApiError):
    """The balance doesn't cover the price."""

    status = 402
    code = "INSUFFICIENT_CREDITS"
    message = "Insufficient credits"

    def __init__(self, credits: int, credits_needed: int) -> None:  # noqa: A002 - the contract's name
        super().__init__(credits=credits, credits_needed=credits_needed)


class RateLimitedError(ApiError):
    """Too many requests; `retry_after` says for how long."""

    status = 429
    code = "RATE_LIMITED"
    message = "Rate limit exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        """Say when to come back."""
        return {"Retry-After": str(self.retry_after)}


class JobNotFoundError(ApiError):
    """No job has this id; malformed ids look the same."""

    status = 404
    code = "JOB_NOT_FOUND"
    message = "Job not found"


class JobFailedError(ApiError):
    """There is no result, and there won't be one."""

    status = 404
    code = "JOB_FAILED"


class ResultNotFoundError(ApiError):
    """The job has no such file."""

    status = 404
    code = "RESULT_NOT_FOUND"
    message = "No such result"


class ResultExpiredError(ApiError):
    """There was a picture; its time to be kept is over."""

    status = 404
    code = "RESULT_EXPIRED"
    message = "The result is no longer kept"


class RangeNotSatisfiableError(ApiError):
    """The bytes that are asked for lie outside the picture."""

    status = 416
    code = "RANGE_NOT_SATISFIABLE"
    message = "The range lies outside the picture"


class NotFoundError(ApiError):
    """Nothing lies at this path."""

    status = 404
    code = "NOT_FOUND"
    message = "Not found"


class ConflictError(ApiError):
    """The request contradicts what is already there."""

    status = 409


class IdempotencyConflictError(ConflictError):
    """The idempotency key was used for another body."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "Idempotency-Key was used for another request"


class EmailTakenError(ConflictError):
    """A user with this address exists."""

    code = "EMAIL_TAKEN"
    message = "A user with this email exists"


class LastAdminError(ConflictError):
    """The change would leave nobody who can undo it."""

    code = "LAST_ADMIN"
    message = "The last administrator can be neither disabled nor made a user"


class TooManyKeysError(ConflictError):
    """The user has as many keys as are allowed."""

    code = "TOO_MANY_KEYS"
    message = "Too many API keys: revoke one first"


class UserNotFoundError(NotFoundError):
    """No user has this id."""

    code = "USER_NOT_FOUND"
    message = "User not found"


class KeyNotFoundError(NotFoundError):
    """The user has no such key."""

    code = "KEY_NOT_FOUND"
    message = "API key not found"


class TooManyJobsError(ApiError):
    """The user has as many unfinished jobs as are allowed."""

    status = 429
    code = "TOO_MANY_JOBS"
    message = "Too many unfinished jobs"

    def __init__(self) -> None:
        super().__init__(retry_after=5)

    def headers(self) -> dict[str, str]:
        """Say when to come back."""
        return {"Retry-After": "5"}


class ServiceUnavailableError(ApiError):
    """Something that the request needs is away; it may be repeated."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "Service unavailable, try again"

    def headers(self) -> dict[str, str]:
        """Say when to come back."""
        return {"Retry-After": "5"}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request."""

    field: str
    """Name of the field, header or parameter; empty for the body as a whole."""
    code: str
    message: str


class InvalidRequestError(ApiError):
    """A request with faults: the first one's code and, if it is alone, words; all of them in `errors`."""

    status = 400
    code = INVALID_REQUEST

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        text = first.message if len(faults) == 1 else "; ".join(fault.message for fault in faults)
        errors = [{"field": fault.field, "code": fault.code, "message": fault.message} for fault in faults]
        super().__init__(text, errors=errors)
        self.code = first.code
        self.faults = faults

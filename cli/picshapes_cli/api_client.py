"""A client of the REST API for the command line: submit, wait with progress, download."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import httpx

POLL_S: Final = 0.25
TIMEOUT_S: Final = 30.0

Job = dict[str, Any]


class ApiError(Exception):
    """The API refused, failed or did not answer; the message is for people, `code` is the API's own."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class JobFailedError(ApiError):
    """The job ended without a picture."""

    CODE: ClassVar[str] = "JOB_FAILED"


class WaitTimeoutError(ApiError):
    """The job did not end in the time that was given."""

    CODE: ClassVar[str] = "WAIT_TIMEOUT"


@dataclass(frozen=True)
class Access:
    """Where the API is, and the caller's key."""

    url: str
    key: str


class ApiClient:
    """Calls the API; use as a context manager."""

    def __init__(self, access: Access) -> None:
        self._http = httpx.Client(
            base_url=access.url, headers={"Authorization": f"Bearer {access.key}"}, timeout=TIMEOUT_S
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, request: dict[str, Any]) -> Job:
        """Create a job. Raises `ApiError`."""
        return self.call("POST", "/api/v1/jobs", json=request)

    def watch(self, job_id: str, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[Job]:
        """Yield the job again and again until it has ended; the last one is completed.

        Raises `JobFailedError`, or `WaitTimeoutError` after `timeout_s`.
        """
        give_up = time.monotonic() + timeout_s
        while True:
            job = self.call("GET", f"/api/v1/jobs/{job_id}")
            yield job
            if job["status"] == "completed":
                return
            if job["status"] == "failed":
                raise JobFailedError(str(job.get("error_msg", "the job failed")), JobFailedError.CODE)
            if time.monotonic() > give_up:
                message = f"job {job_id} is {job['status']} after {timeout_s:g} s; it goes on without you"
                raise WaitTimeoutError(message, WaitTimeoutError.CODE)
            sleep(POLL_S)

    def download(self, url: str) -> bytes:
        """Return the picture at a result URL. Raises `ApiError`."""
        return self._send("GET", url).content

    def call(self, method: str, url: str, **request: Any) -> Job:
        """Return the JSON object that a call answers with. Raises `ApiError`."""
        answer: Job = self._send(method, url, **request).json()
        return answer

    def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        try:
            response = self._http.request(method, url, follow_redirects=True, **request)
        except httpx.HTTPError as error:
            raise ApiError(f"no answer from {self._http.base_url}: {error}", "NO_ANSWER") from error
        if response.is_success:
            return response
        try:
            body = response.json()
            raise ApiError(str(body["error"]), str(body["code"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ApiError(f"the API answered {response.status_code}", "UNEXPECTED_ANSWER") from error

"""`picshapes generate`: from a prompt to a file, over HTTP, with a progress bar."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from picshapes_cli.api_client import Access, ApiClient, ApiError, Job
from picshapes_cli.up.options import Layout, default_folder

URL_VARIABLE: Final = "PICSHAPES_URL"


def find_access(
    url: str | None,
    key: str | None,
    *,
    role: Literal["api", "admin"] = "api",
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """Return the API to use: options, then the environment, then a `picshapes up` that runs on this machine.

    Raises `ApiError` with what to do when there is none.
    """
    variable = f"PICSHAPES_{role.upper()}_KEY"
    url, key = url or environment.get(URL_VARIABLE), key or environment.get(variable)
    if url and key:
        return Access(url, key)
    try:
        ready = json.loads(Layout(default_folder()).ready.read_bytes())
    except FileNotFoundError:
        variables = f"{URL_VARIABLE} and {variable}"
        message = f"name an API with --url and --key (or {variables}), or start one: picshapes up"
        raise ApiError(message, "NO_API") from None
    return Access(url or ready["api_url"], key or ready[f"{role}_key"])


def generate(access: Access, request: dict[str, Any], target: Path, console: Console, timeout_s: float) -> Job:
    """Generate a picture into `target` and return the completed job. Raises `ApiError` or `OSError`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar_shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with ApiClient(access) as api, bar_shown as bars:
        job = api.submit(request)
        bar = bars.add_task("pending", total=None)
        for job in api.watch(job["id"], timeout_s):  # noqa: B020 - the same job, further on
            done, total = _steps(job)
            bars.update(bar, description=job["status"], completed=done, total=total)
        picture = api.download(job["result_url"])
    draft = target.with_name(f"{target.name}.part")
    draft.write_bytes(picture)
    draft.replace(target)
    return job


def _steps(job: Job) -> tuple[int, int | None]:
    """Return steps done and steps in all, as far as the API tells."""
    done, _, total = str(job.get("progress", "")).partition("/")
    return (int(done), int(total)) if done.isdecimal() and total.isdecimal() else (0, None)

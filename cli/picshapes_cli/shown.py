"""How the command line shows errors: what a person can act on as one message, a bug as its traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from picshapes_cli.api_client import ApiError
from picshapes_cli.controlplane.errors import ControlPlaneError
from picshapes_cli.processes import ChildError
from picshapes_cli.up.errors import UpError
from picshapes_crds.cluster import ClusterError

KNOWN = (ApiError, ChildError, ClusterError, ControlPlaneError, UpError, OSError)

console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def errors_shown(*others: type[Exception]) -> Iterator[None]:
    """Show known errors and those `others`, alone or in groups, and exit with 1; anything else rises."""
    known: tuple[type[Exception], ...] = (*KNOWN, *others)
    try:
        yield
    except known as error:
        found: list[BaseException] = [error]
    except BaseExceptionGroup as group:
        found = list(_leaves(group))
        if not all(isinstance(error, known) for error in found):
            raise
    else:
        return
    for one in found:
        console.print("picshapes:", style="red", end=" ")
        console.print(str(one), markup=False)
    raise typer.Exit(1)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error

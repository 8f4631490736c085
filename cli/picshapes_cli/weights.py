"""`picshapes weights pull|verify DIR`: fills a volume with models where there is a network, checks one anywhere.

Needs the worker's packages, which are imported only here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from picshapes_cli.shown import console
from picshapes_crds.catalogue import Catalogue, InvalidCatalogueError, Weights

FAILED: Final = 1

app = typer.Typer(no_args_is_help=True, help="Models of a hub in a folder: bring them there, check them.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Holds one folder a model and revision.")]
Chosen = Annotated[str, typer.Option("--catalogue", help="real, or a file.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="Of the catalogue; all by default. Repeat it.")]


@app.command("pull")
def pull_command(folder: Folder, catalogue: Chosen = "real", model: Models = None) -> None:
    """Bring models into DIR, going on where an earlier run stopped. HF_TOKEN and HF_ENDPOINT are heeded."""
    with _workers_packages():
        from picshapes_worker.engine import ModelUnavailableError  # noqa: PLC0415 - only with the worker's packages
        from picshapes_worker.hub import Hub  # noqa: PLC0415 - as above
        from picshapes_worker.pulling import Arrived, pull  # noqa: PLC0415 - as above

    def tell(arrived: Arrived) -> None:
        console.print(f"{arrived.model}: {arrived.percent} % of {arrived.all_bytes / 2**30:.1f} GiB")

    for name, weights in _from_hub(catalogue, model):
        try:
            where = pull(name, weights, folder, Hub(), tell)
        except ModelUnavailableError as error:
            raise _failed(str(error)) from error
        console.print(f"{name}: whole, in {where}")


@app.command("verify")
def verify_command(folder: Folder, catalogue: Chosen = "real", model: Models = None) -> None:
    """Read every byte of the models in DIR and compare with the list of checksums; exit with 1 if one differs."""
    with _workers_packages():
        from picshapes_worker.checksums import NoChecksumsError, verify  # noqa: PLC0415 - as above
        from picshapes_worker.pulling import folder_of  # noqa: PLC0415 - as above

    wrong: list[str] = []
    for name, weights in _from_hub(catalogue, model):
        where = folder_of(folder, name, weights)
        console.print(f"{name}: reading {where}")
        try:
            wrong += [f"{where}: {one}" for one in verify(where)]
        except NoChecksumsError as error:
            wrong.append(f"{error}; fill it with `picshapes weights pull {folder}`")
    if wrong:
        raise _failed("\n".join(wrong))
    console.print("All files are as they should be.")


@contextmanager
def _workers_packages() -> Iterator[None]:
    """End the command with a sentence where imports within this context fail, as in the control image."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise _failed(
            f"this installation has no {error.name}: run the command in the worker's image, "
            "or where `make setup` has installed everything"
        ) from error


def _from_hub(source: str, chosen: list[str] | None) -> list[tuple[str, Weights]]:
    try:
        catalogue = Catalogue.load(source)
    except InvalidCatalogueError as error:
        raise _failed(str(error)) from error
    unknown = [name for name in chosen or [] if name not in catalogue.models]
    if unknown:
        raise _failed(f"the catalogue has no {', '.join(unknown)}, only {', '.join(sorted(catalogue.models))}")
    models = {name: catalogue.models[name].weights for name in chosen or catalogue.models}
    found = [(name, weights) for name, weights in models.items() if weights.repo is not None]
    if not found:
        raise _failed(f"no model of the catalogue {source} comes from a hub")
    return found


def _failed(message: str) -> typer.Exit:
    console.print("picshapes:", style="red", end=" ")
    console.print(message, markup=False)
    return typer.Exit(FAILED)

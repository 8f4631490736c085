"""`picshapes`: the command line. Each command reads its options, calls one module and shows what came of it."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from picshapes_cli import admin, explain, weights
from picshapes_cli.api_client import Access
from picshapes_cli.bench import commands as bench
from picshapes_cli.controlplane.binaries import Binaries, ensure_binaries
from picshapes_cli.generate import find_access, generate
from picshapes_cli.shown import console, errors_shown
from picshapes_cli.signals import until_signalled
from picshapes_cli.simulate import simulate
from picshapes_cli.up.options import Engine, UpOptions, default_folder
from picshapes_cli.up.stack import Running, running
from picshapes_crds import logs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Self-hosted AI image generation on Kubernetes.",
)

app.add_typer(admin.app, name="admin")
app.add_typer(bench.app, name="bench")
app.add_typer(weights.app, name="weights")
app.command("simulate")(simulate)

JOB_TIMEOUT_S: Final = 600.0

Prompt = Annotated[str, typer.Argument(help="What the picture shows.")]
Target = Annotated[Path, typer.Option("--out", "-o", help="File for the picture.")]
Model = Annotated[str | None, typer.Option(help="z-image-turbo or flux-schnell.")]
Tier = Annotated[str | None, typer.Option(help="basic, pro or premium.")]
Side = Annotated[int | None, typer.Option(help="Pixels.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same picture.")]


def _request(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _binaries(options: UpOptions) -> Binaries | None:
    # In the main thread, before any loop runs: a build takes minutes, and Ctrl-C must end it.
    return None if options.kubeconfig else ensure_binaries()


@app.command()
def up(  # noqa: PLR0913, PLR0917 - each option is a parameter
    folder: Annotated[Path, typer.Option("--dir", help="Where everything is kept.")] = default_folder(),  # noqa: B008 - typer shows it
    port: Annotated[int, typer.Option(help="The API's port on loopback; 0: any.")] = 8080,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes.")] = 1,
    engine: Annotated[Engine, typer.Option(help="null: no pictures, for benchmarks.")] = Engine.DIFFUSERS,
    catalogue: Annotated[str | None, typer.Option(help="demo, real, or a file; demo by default.")] = None,
    database_url: Annotated[str | None, typer.Option(help="SQLite in the folder by default.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Limits are counted in memory by default.")] = None,
    storage_url: Annotated[str | None, typer.Option(help="Files in the folder by default.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="An existing cluster to use.")] = None,
    job_namespace: Annotated[
        list[str] | None, typer.Option(help="A further namespace whose jobs run; as often as needed.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written once jobs are accepted: URL and keys.")] = None,
) -> None:
    """Run PicShapes on this machine until Ctrl-C: a control plane, the operator, the API and workers."""
    options = UpOptions(
        folder=folder,
        port=port,
        workers=workers,
        engine=engine,
        catalogue=catalogue,
        database_url=database_url,
        redis_url=redis_url,
        storage_url=storage_url,
        kubeconfig=kubeconfig,
        job_namespaces=tuple(job_namespace or ()),
        ready_file=ready_file,
    )

    async def main(binaries: Binaries | None) -> None:
        async with running(options, binaries, console.print) as state:
            _show(state)
            await asyncio.Event().wait()

    logs.configure("up", form="text", level="WARNING")
    with errors_shown():
        binaries = _binaries(options)
        until_signalled(lambda: main(binaries))
    console.print("PicShapes has stopped.")


def _show(state: Running) -> None:
    console.print(f"PicShapes is up at {state.api_url}. Ctrl-C stops it. In another terminal:\n")
    console.print('  picshapes generate "a blue star on a yellow background" -o star.png')
    console.print(
        f"  kubectl --kubeconfig {state.kubeconfig} -n {state.namespace} get generationjobs\n", markup=False
    )


@app.command("generate")
def generate_command(  # noqa: PLR0913, PLR0917 - each option is a parameter
    prompt: Prompt,
    out: Target = Path("picture.png"),
    model: Model = None,
    tier: Tier = None,
    width: Side = None,
    height: Side = None,
    seed: Seed = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to avoid.")] = None,
    url: Annotated[str | None, typer.Option(help="The API; $PICSHAPES_URL, or the one on this machine.")] = None,
    key: Annotated[str | None, typer.Option(help="An API key; $PICSHAPES_API_KEY.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.")] = JOB_TIMEOUT_S,
) -> None:
    """Generate a picture with a running API."""
    request = _request(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        tier=tier,
        width=width,
        height=height,
        seed=seed,
    )
    with errors_shown():
        job = generate(find_access(url, key), request, out, console, timeout)
    _tell_picture(job, out)


@app.command("explain")
def explain_command(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    url: Annotated[str | None, typer.Option(help="The API; $PICSHAPES_URL, or the one on this machine.")] = None,
    key: Annotated[str | None, typer.Option(help="An API key; $PICSHAPES_API_KEY.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Say why a job waits, its position, and which workers could run it."""
    with errors_shown():
        explanation = explain.ask(find_access(url, key), job_id)
    for line in [json.dumps(explanation)] if as_json else explain.told(explanation):
        typer.echo(line)


@app.command()
def demo(
    prompt: Prompt = "a blue star on a yellow background",
    out: Target = Path("picture.png"),
    model: Model = None,
    seed: Seed = None,
) -> None:
    """Start everything in a folder of its own, generate one picture, and stop."""
    logs.configure("demo", form="text", level="WARNING")

    async def main(options: UpOptions, binaries: Binaries | None) -> None:
        async with running(options, binaries, console.print) as state:
            access = Access(state.api_url, state.keys.user)
            request = _request(prompt=prompt, model=model, seed=seed)
            job = await asyncio.to_thread(generate, access, request, out, console, JOB_TIMEOUT_S)
            _tell_picture(job, out)

    with errors_shown(), tempfile.TemporaryDirectory(prefix="picshapes-demo-") as folder:
        options = UpOptions(folder=Path(folder), port=0, durable=False)
        binaries = _binaries(options)
        until_signalled(lambda: main(options, binaries))


def _tell_picture(job: dict[str, Any], out: Path) -> None:
    size = f"{job['width']} by {job['height']} px"
    console.print(f"{size}, {job['model']}, seed {job['seed']}: [bold]{out.absolute()}[/bold]")

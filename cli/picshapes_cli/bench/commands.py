"""`picshapes bench …`: one command a figure, each with a folder and a control plane of its own."""

import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from picshapes_cli.bench.http import MOST_POSTS, bench_http
from picshapes_cli.bench.jobs import bench_jobs
from picshapes_cli.bench.latency import bench_latency
from picshapes_cli.bench.report import Figure
from picshapes_cli.bench.restart import RestartOptions, bench_restart
from picshapes_cli.bench.scale import ScaleOptions, bench_scale
from picshapes_cli.bench.writes import bench_writes
from picshapes_cli.controlplane.binaries import Binaries, ensure_binaries
from picshapes_cli.shown import console, errors_shown
from picshapes_cli.signals import until_signalled
from picshapes_crds import logs

app = typer.Typer(no_args_is_help=True, help="Measure figures as ratios of two things in one run.")


class Device(StrEnum):
    """Where the models run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


JsonOnly = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]


@app.command("jobs")
def jobs_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    count: Annotated[int, typer.Option(min=1, help="Jobs a run.")] = 1000,
    workers: Workers = 2,
) -> None:
    """Jobs a second from POST to Completed with the null engine, against what the API server itself allows."""
    _show(lambda folder, binaries: bench_jobs(folder, binaries, count, workers, console.print), json_only)


@app.command("latency")
def latency_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    count: Annotated[int, typer.Option(min=2, help="Jobs a run; every second one is timed.")] = 1000,
    workers: Workers = 2,
) -> None:
    """Time from a create's answer to the worker's sight of the claim, against a patch's way to a watch."""
    _show(lambda folder, binaries: bench_latency(folder, binaries, count, workers, console.print), json_only)


@app.command("scale")
def scale_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    pending: Annotated[int, typer.Option(min=1, help="Waiting jobs, against 100.")] = 100_000,
    workers: Annotated[int, typer.Option(min=1, help="Workers, against 10.")] = 1_000,
    most_workers: Annotated[int, typer.Option(min=1, help="Workers, for the decision alone.")] = 5_000,
    claims: Annotated[int, typer.Option(min=1, help="Claims that are measured.")] = 500,
) -> None:
    """Measure what a claim costs the operator when much waits and when there are many workers; its memory."""
    options = ScaleOptions(pending, workers, most_workers, claims)
    _show(lambda folder, _: bench_scale(folder, options, console.print), json_only)


@app.command("restart")
def restart_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    live: Annotated[int, typer.Option(min=1, help="Jobs that live when the operator is killed.")] = 10_000,
    workers: Annotated[int, typer.Option(min=1, help="Workers, which are pretended.")] = 20,
) -> None:
    """Kill the operator among its claims: double claims, and the successor's time to its first claim."""
    options = RestartOptions(live, workers)
    _show(lambda folder, binaries: bench_restart(folder, binaries, options, console.print), json_only)


@app.command("writes")
def writes_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    count: Annotated[int, typer.Option(min=1, help="Jobs.")] = 200,
    steady: Annotated[int, typer.Option(min=1, help="Seconds of watching it do nothing.")] = 310,
) -> None:
    """Count the requests of a job at the API server, against a bare client's and a stock kopf operator's."""
    _show(lambda folder, binaries: bench_writes(folder, binaries, count, steady, console.print), json_only)


@app.command("http")
def http_command(
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    count: Annotated[int, typer.Option(min=1, max=MOST_POSTS, help="POSTs a run; ten times as many GETs.")] = 1000,
) -> None:
    """GET of a job against a bare Sanic handler; POST against bare creates (in the list `also` of the JSON)."""
    _show(lambda folder, binaries: bench_http(folder, binaries, count, console.print), json_only)


@app.command("gpu")
def gpu_command(  # noqa: PLR0913, PLR0917 - the options of the command
    json_only: JsonOnly = False,  # noqa: FBT002 - a flag
    device: Annotated[Device, typer.Option(help="A GPU where there is one, by default.")] = Device.AUTO,
    count: Annotated[int, typer.Option(min=2, help="Pictures a round, of each model.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, by turns with the baseline's.")] = 3,
    side: Annotated[int | None, typer.Option(min=64, help="Pixels; 512 on a CPU, 1024 on a GPU.")] = None,
    starts: Annotated[int, typer.Option(min=0, help="Starts of processes, of each kind.")] = 3,
    fp8: Annotated[bool, typer.Option("--fp8", help="The worker in 8-bit floats.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Pictures an hour of the worker and gaps between its jobs, against a bare diffusers loop; needs torch."""
    from picshapes_cli.bench.gpu import GpuOptions, bench_gpu  # noqa: PLC0415 - torch takes seconds
    from picshapes_cli.bench.gpu_start import StartFailedError  # noqa: PLC0415 - as above
    from picshapes_cli.bench.gpu_worker import JobFailedError  # noqa: PLC0415 - as above
    from picshapes_worker.engine import EngineError  # noqa: PLC0415 - as above

    options = GpuOptions(device.value, count, rounds, side, fp8, starts)
    with errors_shown(EngineError, JobFailedError, StartFailedError):
        _print(lambda: lambda folder: bench_gpu(folder, options, console.print), json_only)


Measure = Callable[[Path], Awaitable[Figure]]


def _show(measure: Callable[[Path, Binaries], Awaitable[Figure]], json_only: bool) -> None:  # noqa: FBT001 - the flag
    """Measure with a control plane's programs at hand."""

    def prepare() -> Measure:
        binaries = ensure_binaries()
        return lambda folder: measure(folder, binaries)

    _print(prepare, json_only)


def _print(prepare: Callable[[], Measure], json_only: bool) -> None:  # noqa: FBT001 - the flag
    figures: list[Figure] = []

    async def main(measure: Measure, folder: Path) -> None:
        before = os.getloadavg()[0]
        figure = await measure(folder)
        busy = {"load_average_before": before, "load_average_after": os.getloadavg()[0]}
        figures.append(replace(figure, details=figure.details | busy))

    logs.configure("bench", form="text", level="WARNING")
    with errors_shown(), tempfile.TemporaryDirectory(prefix="picshapes-bench-") as folder:
        measure = prepare()
        until_signalled(lambda: main(measure, Path(folder)))
    for figure in figures:
        typer.echo(figure.json() if json_only else figure.text())
